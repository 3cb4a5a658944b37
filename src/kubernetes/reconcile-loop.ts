import type { Clock, Random, Timer } from '../clock/index.ts';
import { type Log, reasonOf } from '../model/index.ts';

/** First and longest wait, in milliseconds, after a reconcile that threw; client-go's default rate limiter starts at 5 ms. */
export interface Backoff {
  baseMilliseconds: number;
  maximumMilliseconds: number;
}

const DEFAULT_BACKOFF: Backoff = { baseMilliseconds: 10, maximumMilliseconds: 30_000 };

export interface ReconcileOptions {
  /** Stands in log lines. */
  name: string;
  /** How many keys are worked on at once; one key never is twice. Default 1. */
  concurrency?: number;
  /** Brings the world of `key` in line; must be safe to call at any time. A throw means: again after a backoff. */
  reconcile: (key: string, signal: AbortSignal) => Promise<Requeue | undefined> | Promise<void>;
  backoff?: Backoff;
}

export interface Requeue {
  /** Reconcile the key again after this long, though nothing failed. */
  requeueAfterMilliseconds?: number;
}

/**
 * A work queue with its workers, as controllers have it: a key waits at most once however often it is enqueued, is
 * worked on by one worker at a time, and comes again when it was enqueued meanwhile. Keys are taken in the order they came.
 */
export class ReconcileLoop {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #options: ReconcileOptions;
  readonly #backoff: Backoff;
  readonly #concurrency: number;
  /** Insertion-ordered: the queue itself. */
  readonly #waiting = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  /** Enqueued again while being worked on. */
  readonly #dirty = new Set<string>();
  readonly #delayed = new Map<string, { at: number; timer: Timer }>();
  readonly #failures = new Map<string, number>();
  #abort: AbortController | undefined;

  constructor(parts: { clock: Clock; random: Random; log: Log }, options: ReconcileOptions) {
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#log = parts.log;
    this.#options = options;
    this.#backoff = options.backoff ?? DEFAULT_BACKOFF;
    this.#concurrency = options.concurrency ?? 1;
  }

  /** Keys waiting or being worked on, not counting those whose time has not come. */
  get length(): number {
    return this.#waiting.size + this.#running.size;
  }

  enqueue(key: string): void {
    if (this.#running.has(key)) this.#dirty.add(key);
    else this.#waiting.add(key);
    this.#dispatch();
  }

  /** Enqueues after `milliseconds`; of several waits for one key the shortest holds. */
  enqueueAfter(key: string, milliseconds: number): void {
    const at = this.#clock.now() + milliseconds;
    const earlier = this.#delayed.get(key);
    if (earlier !== undefined && earlier.at <= at) return;
    earlier?.timer.cancel();
    const timer = this.#clock.setTimer(milliseconds, () => {
      this.#delayed.delete(key);
      this.enqueue(key);
    });
    this.#delayed.set(key, { at, timer });
  }

  start(): void {
    if (this.#abort !== undefined) return;
    this.#abort = new AbortController();
    this.#dispatch();
  }

  /** Aborts running reconciles, waits for them, and forgets what waits. */
  async stop(): Promise<void> {
    this.#abort?.abort(new Error(`${this.#options.name} was stopped`));
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    this.#dirty.clear();
    this.#failures.clear();
    await Promise.all(this.#running.values());
    // A reconcile that ended just now may have enqueued for later.
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#waiting.clear();
    this.#abort = undefined;
  }

  #dispatch(): void {
    const abort = this.#abort;
    if (abort === undefined || abort.signal.aborted) return;
    while (this.#running.size < this.#concurrency) {
      const [key] = this.#waiting;
      if (key === undefined) return;
      this.#waiting.delete(key);
      this.#running.set(key, this.#work(key, abort.signal));
    }
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    try {
      // The worker is entered in #running before anything of the reconcile runs.
      await undefined;
      const result = await this.#options.reconcile(key, signal);
      this.#failures.delete(key);
      if (result?.requeueAfterMilliseconds !== undefined && !signal.aborted) {
        this.enqueueAfter(key, result.requeueAfterMilliseconds);
      }
    } catch (error) {
      if (!signal.aborted) this.#retryLater(key, error);
    } finally {
      this.#running.delete(key);
      if (this.#dirty.delete(key)) this.#waiting.add(key);
      this.#dispatch();
    }
  }

  #retryLater(key: string, error: unknown): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const { baseMilliseconds, maximumMilliseconds } = this.#backoff;
    const full = Math.min(maximumMilliseconds, baseMilliseconds * 2 ** (failures - 1));
    const wait = full * (0.5 + this.#random() / 2);
    this.#log.warn(
      { loop: this.#options.name, key, failures, retryInMilliseconds: Math.round(wait), reason: reasonOf(error) },
      'reconcile failed and will be tried again',
    );
    this.enqueueAfter(key, wait);
  }
}
