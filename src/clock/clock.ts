/**
 * Time as everything outside the launch code sees it. Injected, so that days of cluster life can pass in a second.
 * Times are milliseconds since the Unix epoch; durations are milliseconds.
 */
export interface Clock {
  now(): number;
  /** Milliseconds since some instant in the past: never goes back, and does not jump when somebody sets the clock. */
  monotonic(): number;
  /** Resolves after `milliseconds`; rejects with the signal's reason when aborted first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Calls `callback` once after `milliseconds`. The returned handle cancels it; cancelling twice is harmless. */
  setTimer(milliseconds: number, callback: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** A source of uniform numbers in [0, 1), injected wherever a decision or a name needs chance. */
export type Random = () => number;

/** The last second that was written, and how: most times that are written are now. */
let lastSecond = Number.NaN;
let lastText = '';

/** The instant as Kubernetes writes it in objects: RFC 3339 with seconds, in UTC (`metav1.Time`). */
export function rfc3339(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  if (second !== lastSecond) {
    lastText = `${new Date(milliseconds).toISOString().slice(0, 19)}Z`;
    lastSecond = second;
  }
  return lastText;
}

/** The instant with microseconds, as `metav1.MicroTime` is written (Leases, events.k8s.io). */
export function rfc3339Micro(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 23)}000Z`;
}
