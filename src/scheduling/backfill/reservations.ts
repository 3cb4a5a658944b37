import { formatDuration, podGroupOf } from '../../model/index.ts';
import type { QueuedPod } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** Room on a node that is to be free for a pod at a time; times are ms since the epoch. */
export interface Reservation {
  readonly holder: QueuedPod;
  readonly node: NodeInfo;
  /** The shadow time: when the pod is to start. */
  readonly at: number;
  /** Until when the room is taken then; Infinity: nobody knows. */
  readonly until: number;
}

/** Whose promise it is: the pod's own, or its gang's, all of which start together. */
export function ownerOf({ pod, uid }: PodInfo): string {
  return podGroupOf(pod) ?? uid;
}

/** What whoever waits is told of its promise. */
export function promised(what: string, inMilliseconds: number): string {
  const duration = formatDuration(Math.ceil(inMilliseconds / 1_000) * 1_000);
  return `backfill: ${what} is reserved for it in ${duration}, by the walltimes of the pods there.`;
}

/**
 * Who has been promised a start. One promise, to the first in the queue that has to wait (a pod or a gang), is EASY backfill;
 * one to each that has to wait is conservative backfill.
 */
export class Reservations {
  readonly #most: number;
  readonly #less: (one: QueuedPod, other: QueuedPod) => boolean;
  /** By owner: one for a pod, one a member for a gang. */
  readonly #byOwner = new Map<string, readonly Reservation[]>();
  /** Those whose time has come already. */
  readonly #due = new WeakSet<Reservation>();

  constructor(most: number, less: (one: QueuedPod, other: QueuedPod) => boolean) {
    this.#most = most;
    this.#less = less;
  }

  get size(): number {
    return this.#byOwner.size;
  }

  /** Whether there are fewer than allowed. */
  get hasRoom(): boolean {
    return this.#byOwner.size < this.#most;
  }

  of(owner: string): readonly Reservation[] | undefined {
    return this.#byOwner.get(owner);
  }

  isOn(node: NodeInfo): boolean {
    for (const reservation of this.all()) if (reservation.node === node) return true;
    return false;
  }

  delete(owner: string): readonly Reservation[] | undefined {
    const known = this.#byOwner.get(owner);
    this.#byOwner.delete(owner);
    return known;
  }

  *all(): Iterable<Reservation> {
    for (const reservations of this.#byOwner.values()) yield* reservations;
  }

  /** UIDs of those whose time has come since this was last asked. */
  fallingDue(now: number): string[] {
    const due: string[] = [];
    for (const reservation of this.all()) {
      if (reservation.at > now || this.#due.has(reservation)) continue;
      this.#due.add(reservation);
      due.push(reservation.holder.info.uid);
    }
    return due;
  }

  /** When {@link fallingDue} has something to say; Infinity: never. */
  nextDue(): number {
    let next = Infinity;
    for (const reservation of this.all()) if (!this.#due.has(reservation)) next = Math.min(next, reservation.at);
    return next;
  }

  /**
   * Those that the pod must respect: of pods that come before it; and, while it is promised a later start itself, all others:
   * it may only start earlier than that where it delays nobody.
   */
  bindingFor(pod: QueuedPod, now: number): Reservation[] {
    const [own] = this.#byOwner.get(ownerOf(pod.info)) ?? [];
    return own !== undefined && own.at > now ? this.othersThan(pod) : this.aheadOf(pod);
  }

  aheadOf(pod: QueuedPod): Reservation[] {
    return this.othersThan(pod).filter(({ holder }) => !this.#less(pod, holder));
  }

  othersThan(pod: QueuedPod): Reservation[] {
    const own = ownerOf(pod.info);
    return [...this.all()].filter(({ holder }) => ownerOf(holder.info) !== own);
  }

  /** Whether the pod may have one: there are fewer than allowed, or one of them is held by somebody behind it. */
  admits(pod: QueuedPod): boolean {
    const owner = ownerOf(pod.info);
    return this.#byOwner.has(owner) || this.hasRoom || this.#lastBehind(pod) !== undefined;
  }

  /** Takes the reservations of one owner in; returns those that had to go for them. */
  put(reservations: readonly [Reservation, ...Reservation[]]): readonly Reservation[] {
    const [{ holder }] = reservations;
    this.#byOwner.delete(ownerOf(holder.info));
    const outranked = this.hasRoom ? undefined : this.#lastBehind(holder);
    const gone = outranked === undefined ? undefined : this.delete(ownerOf(outranked.info));
    this.#byOwner.set(ownerOf(holder.info), reservations);
    return gone ?? [];
  }

  /** Those of pods behind on the same nodes at the same time. */
  overlappedBehind(reservations: readonly [Reservation, ...Reservation[]]): Reservation[] {
    const [{ holder }] = reservations;
    return this.othersThan(holder).filter(
      (other) =>
        this.#less(holder, other.holder) &&
        reservations.some(({ node, at, until }) => node === other.node && at < other.until && other.at < until),
    );
  }

  #lastBehind(pod: QueuedPod): QueuedPod | undefined {
    let last: QueuedPod | undefined;
    for (const { holder } of this.all()) {
      if (!this.#less(pod, holder)) continue;
      if (last === undefined || this.#less(last, holder)) last = holder;
    }
    return last;
  }
}
