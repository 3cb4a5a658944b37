import type { Clock, Timer } from '../clock/index.ts';

/**
 * Leases, which wait for nothing: behind the binds of a large backlog a renewal comes too late. Binds and orders; all else; what
 * people read (status of pods, events). A lower one waits while a higher one does.
 */
export type RequestPriority = 'vital' | 'urgent' | 'normal' | 'low';

export interface RequestLimits {
  /** Requests under way at once, watches aside: each needs a connection of its own. Default 128. */
  maxInFlight?: number;
  /** On average, as client-go's `--kube-api-qps`. Default: no limit; the server has its own (priority and fairness). */
  queriesPerSecond?: number;
  /** How many of them may come at once. Default: as many as in a second. */
  burst?: number;
}

/** kube-apiserver lets 200 writes of all clients in at once by default; more parallel ones are not faster. */
const DEFAULT_IN_FLIGHT = 128;
const PRIORITIES: readonly Exclude<RequestPriority, 'vital'>[] = ['urgent', 'normal', 'low'];

interface Waiting {
  enter: () => void;
}

/** Lets requests through, a limited number at once and a second, the urgent ones first, equals in the order they came. */
export class RequestGate {
  readonly #clock: Clock;
  readonly #maxInFlight: number;
  readonly #tokensPerMillisecond: number | undefined;
  readonly #burst: number;
  readonly #waiting = new Map<RequestPriority, Set<Waiting>>(PRIORITIES.map((priority) => [priority, new Set()]));
  #inFlight = 0;
  #tokens: number;
  #refilledAt: number;
  #refill: Timer | undefined;

  constructor(clock: Clock, limits: RequestLimits = {}) {
    const { maxInFlight = DEFAULT_IN_FLIGHT, queriesPerSecond, burst = queriesPerSecond ?? 0 } = limits;
    this.#clock = clock;
    this.#maxInFlight = Math.max(1, maxInFlight);
    this.#tokensPerMillisecond = queriesPerSecond === undefined ? undefined : queriesPerSecond / 1_000;
    this.#burst = Math.max(1, burst);
    this.#tokens = this.#burst;
    this.#refilledAt = clock.monotonic();
  }

  /** Resolves when the request may be sent; each one that did must {@link leave}. Rejects with the signal's reason. */
  async enter(priority: RequestPriority, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (priority === 'vital' || (this.#isFree(priority) && this.#takeToken())) {
      this.#inFlight++;
      return;
    }
    const queue = this.#queue(priority);
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        enter: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = (): void => {
        queue.delete(waiting);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      queue.add(waiting);
      this.#admit();
    });
  }

  leave(): void {
    this.#inFlight--;
    this.#admit();
  }

  /** Leaves no timer behind; what waits goes on waiting for those under way. */
  close(): void {
    this.#refill?.cancel();
    this.#refill = undefined;
  }

  #queue(priority: RequestPriority): Set<Waiting> {
    return this.#waiting.get(priority) ?? new Set();
  }

  /** Whether one of this priority may go past all that wait. */
  #isFree(priority: RequestPriority): boolean {
    if (this.#inFlight >= this.#maxInFlight) return false;
    for (const other of PRIORITIES) {
      if (this.#queue(other).size > 0) return false;
      if (other === priority) return true;
    }
    return true;
  }

  #admit(): void {
    for (const priority of PRIORITIES) {
      const queue = this.#queue(priority);
      for (const next of queue) {
        if (this.#inFlight >= this.#maxInFlight) return;
        if (!this.#takeToken()) {
          this.#awaitToken();
          return;
        }
        queue.delete(next);
        this.#inFlight++;
        next.enter();
      }
    }
  }

  #takeToken(): boolean {
    const rate = this.#tokensPerMillisecond;
    if (rate === undefined) return true;
    const now = this.#clock.monotonic();
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#refilledAt) * rate);
    this.#refilledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #awaitToken(): void {
    const rate = this.#tokensPerMillisecond;
    if (rate === undefined || this.#refill !== undefined) return;
    // A little more than it takes, so that rounding does not make it come too early.
    this.#refill = this.#clock.setTimer((1 - this.#tokens) / rate + 0.01, () => {
      this.#refill = undefined;
      this.#admit();
    });
  }
}
