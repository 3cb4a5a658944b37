import type { HistoryEntry, Violation } from '../history.ts';
import type { Facts } from './facts.ts';

export type Report = (invariant: Violation['invariant'], subject: string, message: string) => void;

/**
 * One promise, or a few that belong together. Asked about each entry before the facts take it in: it compares what was
 * with what is told now.
 */
export type Rule = (entry: HistoryEntry, facts: Facts, report: Report) => void;
