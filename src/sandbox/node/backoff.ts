import { BACKOFF_FIRST_MILLISECONDS, BACKOFF_FORGET_MILLISECONDS, BACKOFF_LIMIT_MILLISECONDS } from './defaults.ts';

/** How long the next try of one thing has to wait after the event it follows. Times in ms since the epoch. */
export interface BackoffEntry {
  readonly delayMilliseconds: number;
  readonly updatedAt: number;
}

/** From when on a try is allowed after something failed at `failedAt`; the first failure is tried again at once. */
export function backoffUntil(entry: BackoffEntry | undefined, failedAt: number): number {
  return entry === undefined || isForgotten(entry, failedAt) ? failedAt : failedAt + entry.delayMilliseconds;
}

/** The entry after a try that follows the failure at `failedAt`: 10 s, doubling to 5 min, as client-go's flowcontrol does. */
export function nextBackoff(entry: BackoffEntry | undefined, failedAt: number): BackoffEntry {
  const delayMilliseconds =
    entry === undefined || isForgotten(entry, failedAt)
      ? BACKOFF_FIRST_MILLISECONDS
      : Math.min(entry.delayMilliseconds * 2, BACKOFF_LIMIT_MILLISECONDS);
  return { delayMilliseconds, updatedAt: failedAt };
}

function isForgotten(entry: BackoffEntry, at: number): boolean {
  return at - entry.updatedAt > BACKOFF_FORGET_MILLISECONDS;
}
