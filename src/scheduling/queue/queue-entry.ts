import { INITIAL_BACKOFF_MS, MAX_BACKOFF_MS } from '../constants.ts';
import type { QueuedPod } from '../framework/phases.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

export type QueueState = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'deciding' | 'assumed';

/** A pod that waits for a node, and what was tried. Times are ms since the epoch. */
export interface QueueEntry extends QueuedPod {
  info: PodInfo;
  suspended: boolean;
  state: QueueState;
  /** Tries that found no node; decides the backoff. */
  attempts: number;
  lastAttemptAt: number;
  /** When time alone moves it on; Infinity: never. */
  dueAt: number;
  /** Plugins whose events bring it back. */
  rejectedBy: readonly string[];
  /** End of the time it may spend waiting for natural ends; then it interrupts. */
  waitDeadline: number | undefined;
}

/** When the pod may be tried again after its last attempt. */
export function backoffEnd(entry: QueueEntry): number {
  if (entry.attempts === 0) return 0;
  const backoff = Math.min(INITIAL_BACKOFF_MS * 2 ** Math.min(entry.attempts - 1, 30), MAX_BACKOFF_MS);
  return entry.lastAttemptAt + backoff;
}
