import type { QueuedPod } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';

/** Room on a node that is to be free for a pod at a time; times are ms since the epoch. */
export interface Reservation {
  readonly holder: QueuedPod;
  readonly node: NodeInfo;
  /** The shadow time: when the pod is to start. */
  readonly at: number;
  /** Until when the room is taken then; Infinity: nobody knows. */
  readonly until: number;
}

/**
 * Who has been promised a start. One reservation, for the first in the queue that has to wait, is EASY backfill; one for each
 * that has to wait is conservative backfill.
 */
export class Reservations {
  readonly #most: number;
  readonly #less: (one: QueuedPod, other: QueuedPod) => boolean;
  readonly #byHolder = new Map<string, Reservation>();

  constructor(most: number, less: (one: QueuedPod, other: QueuedPod) => boolean) {
    this.#most = most;
    this.#less = less;
  }

  get size(): number {
    return this.#byHolder.size;
  }

  get(podUID: string): Reservation | undefined {
    return this.#byHolder.get(podUID);
  }

  delete(podUID: string): Reservation | undefined {
    const known = this.#byHolder.get(podUID);
    this.#byHolder.delete(podUID);
    return known;
  }

  all(): Iterable<Reservation> {
    return this.#byHolder.values();
  }

  /**
   * Those that the pod must respect: of pods that come before it; and, when it is promised a start itself, all others: it may
   * only start earlier than that where it delays nobody.
   */
  bindingFor(pod: QueuedPod): Reservation[] {
    return this.#byHolder.has(pod.info.uid) ? this.othersThan(pod) : this.aheadOf(pod);
  }

  aheadOf(pod: QueuedPod): Reservation[] {
    return this.othersThan(pod).filter(({ holder }) => !this.#less(pod, holder));
  }

  othersThan(pod: QueuedPod): Reservation[] {
    return [...this.#byHolder.values()].filter(({ holder }) => holder !== pod);
  }

  /** Whether the pod may have one: there are fewer than allowed, or one of them is held by somebody behind it. */
  admits(pod: QueuedPod): boolean {
    return this.#byHolder.has(pod.info.uid) || this.#byHolder.size < this.#most || this.#lastBehind(pod) !== undefined;
  }

  /** Takes the reservation in; returns the one that had to go for it. */
  put(reservation: Reservation): Reservation | undefined {
    const { holder } = reservation;
    this.#byHolder.delete(holder.info.uid);
    const outranked = this.#byHolder.size < this.#most ? undefined : this.#lastBehind(holder);
    if (outranked !== undefined) this.#byHolder.delete(outranked.holder.info.uid);
    this.#byHolder.set(holder.info.uid, reservation);
    return outranked;
  }

  #lastBehind(pod: QueuedPod): Reservation | undefined {
    let last: Reservation | undefined;
    for (const reservation of this.#byHolder.values()) {
      if (!this.#less(pod, reservation.holder)) continue;
      if (last === undefined || this.#less(last.holder, reservation.holder)) last = reservation;
    }
    return last;
  }
}
