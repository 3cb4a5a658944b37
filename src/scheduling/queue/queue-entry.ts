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
  /** Plugins whose events bring it back: those that turned it down, or the one that gates it. */
  rejectedBy: readonly string[];
  /** End of the time it may spend waiting for natural ends; then it interrupts. */
  waitDeadline: number | undefined;
}

/** Backoff after the first attempt that found no node, and the longest it grows to; ms. */
export interface Backoff {
  readonly initialMilliseconds: number;
  readonly maxMilliseconds: number;
}

/** When the pod may be tried again after its last attempt: the backoff doubles with each. */
export function backoffEnd({ attempts, lastAttemptAt }: QueueEntry, backoff: Backoff): number {
  if (attempts === 0) return 0;
  const doubled = backoff.initialMilliseconds * 2 ** Math.min(attempts - 1, 30);
  return lastAttemptAt + Math.min(doubled, backoff.maxMilliseconds);
}
