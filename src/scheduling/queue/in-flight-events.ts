import type { QueueEvent } from '../framework/queue-event.ts';

/** Events kept for pods in flight; who was in flight before the oldest of them is taken to be helped. */
const MOST_EVENTS = 10_000;

/**
 * What happened while pods were in flight, that is assumed on a node and not bound yet. A pod that comes back turned down
 * must not sleep through an event that came while it was away (kube-scheduler's in-flight events, KEP-4247).
 */
export class InFlightEvents {
  /** Pod UID → number of the first event it has not been asked about. Those that left earliest first. */
  readonly #since = new Map<string, number>();
  #events: QueueEvent[] = [];
  /** Number of the first event kept. */
  #first = 0;

  leave(uid: string): void {
    this.#since.delete(uid);
    this.#since.set(uid, this.#first + this.#events.length);
  }

  record(event: QueueEvent): void {
    if (this.#since.size === 0) return;
    this.#events.push(event);
    if (this.#events.length > MOST_EVENTS) this.#drop(MOST_EVENTS / 2);
  }

  /** The pod is back, bound or gone. Returns what it missed; undefined: so much that it is no longer known. */
  arrive(uid: string): readonly QueueEvent[] | undefined {
    const since = this.#since.get(uid);
    if (since === undefined) return [];
    this.#since.delete(uid);
    const missed = since < this.#first ? undefined : this.#events.slice(since - this.#first);
    const [oldest] = this.#since.values();
    if (oldest === undefined) this.#drop(this.#events.length);
    else if (oldest - this.#first > MOST_EVENTS / 4) this.#drop(oldest - this.#first);
    return missed;
  }

  #drop(count: number): void {
    this.#events = this.#events.slice(count);
    this.#first += count;
  }
}
