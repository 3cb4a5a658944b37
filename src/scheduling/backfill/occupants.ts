import type { QueuedPod } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { durationOf, expectedEndOf, STARTUP_MS } from './expected-end.ts';
import { SOON_MS } from './guest-interruption.ts';
import type { Occupancy } from './node-timeline.ts';
import type { Vacating } from './vacating.ts';

/** Who is taken away or added, to try something out. */
export interface TriedOut {
  readonly removed: ReadonlySet<string>;
  readonly added: ReadonlyMap<string, { readonly pod: PodInfo; readonly node: NodeInfo }>;
}

/** When the pods of a node give their room back, the first at first; as of one generation of the node. */
interface KnownEnds {
  readonly generation: number;
  readonly byEnd: readonly { readonly requests: Float64Array; readonly end: number }[];
}

/** Who has room on nodes, and until when. */
export class Occupants {
  readonly #vacating: Vacating;
  /** By UID, for pods that have not begun yet. */
  readonly #placedAt = new Map<string, number>();
  /** By slot of the node. */
  readonly #ends: (KnownEnds | undefined)[] = [];

  constructor(vacating: Vacating) {
    this.#vacating = vacating;
  }

  placed(podUID: string, now: number): void {
    this.#placedAt.set(podUID, now);
  }

  forget(podUID: string): void {
    this.#placedAt.delete(podUID);
  }

  /** Who has the room of the node until when, with what a cycle tries out. */
  of(
    node: NodeInfo,
    now: number,
    { exceptUID, tried, forEntry }: { exceptUID: string; tried?: TriedOut; forEntry?: QueuedPod },
  ): Occupancy[] {
    const occupancies: Occupancy[] = [];
    const take = (pod: PodInfo, until: number): void =>
      void occupancies.push({ requests: pod.requests, from: -Infinity, until });
    for (const pod of node.pods.values()) {
      if (pod.uid === exceptUID || tried?.removed.has(pod.uid) === true) continue;
      take(pod, this.endFor(pod, now, forEntry));
    }
    for (const { pod, node: at } of tried?.added.values() ?? []) if (at === node) take(pod, Infinity);
    if (tried !== undefined) return occupancies;
    for (const pod of node.nominated) {
      if (pod.uid !== exceptUID && !node.pods.has(pod.uid)) take(pod, now + STARTUP_MS + durationOf(pod));
    }
    return occupancies;
  }

  /**
   * When the pod gives its room back: by itself, or because it was let in until then only. For `waiting`, if given, those that
   * are to make way for it count as good as gone: they are made to go as soon as nothing else keeps it from starting.
   */
  endFor(pod: PodInfo, now: number, waiting?: QueuedPod): number {
    const end = expectedEndOf(pod, now, this.#placedAt.get(pod.uid));
    const by = this.#vacating.deadlineOf(pod);
    if (by === undefined) return end;
    if (waiting === undefined) return by > now ? Math.min(end, by) : end;
    return this.isGuestOf(pod, waiting) ? Math.min(end, now + SOON_MS) : end;
  }

  /** Whether `guest` runs ahead of the pod on condition that it makes way for it. */
  isGuestOf(guest: PodInfo, { info, firstEnqueuedAt }: QueuedPod): boolean {
    if (this.#vacating.deadlineOf(guest) === undefined || guest.priority > info.priority) return false;
    return guest.priority < info.priority || firstEnqueuedAt <= (guest.firstEnqueuedAt ?? guest.createdAt ?? Infinity);
  }

  /**
   * Before when nobody with these requests can start on the node, by known ends alone: what is promised there, and pods that
   * stay longer than they said, only make it later. Infinity: no known end makes enough room; -Infinity: there is enough now.
   */
  earliestOn(node: NodeInfo, requests: Float64Array): number {
    const { allocatable, requested } = node;
    let earliest = -Infinity;
    for (let index = 0; index < requests.length; index++) {
      const asked = requests[index] ?? 0;
      if (asked <= 0) continue;
      let lacking = asked + (requested[index] ?? 0) - (allocatable[index] ?? 0);
      if (lacking <= 0) continue;
      let end = Infinity;
      for (const one of this.#endsOn(node)) {
        lacking -= one.requests[index] ?? 0;
        if (lacking > 0) continue;
        end = one.end;
        break;
      }
      earliest = Math.max(earliest, end);
    }
    return earliest;
  }

  /** Whether {@link earliestOn} is known, and no later than `at`: asked at every change of every node, of all who wait. */
  mayStartBy({ allocatable, requested, pods }: NodeInfo, requests: Float64Array, at: number): boolean {
    for (let index = 0; index < requests.length; index++) {
      const asked = requests[index] ?? 0;
      if (asked <= 0) continue;
      let lacking = asked + (requested[index] ?? 0) - (allocatable[index] ?? 0);
      for (const pod of pods.values()) {
        if (lacking <= 0) break;
        const end = this.#earliestEnd(pod);
        if (end <= at && end < Infinity) lacking -= pod.requests[index] ?? 0;
      }
      if (lacking > 0) return false;
    }
    return true;
  }

  /** The pods of the node by their earliest end; worked out once until the node changes. */
  #endsOn({ slot, generation, pods }: NodeInfo): KnownEnds['byEnd'] {
    const known = this.#ends[slot];
    if (known?.generation === generation) return known.byEnd;
    const byEnd: { requests: Float64Array; end: number }[] = [];
    for (const pod of pods.values()) byEnd.push({ requests: pod.requests, end: this.#earliestEnd(pod) });
    byEnd.sort((one, other) => one.end - other.end);
    this.#ends[slot] = { generation, byEnd };
    return byEnd;
  }

  #earliestEnd(pod: PodInfo): number {
    if (this.#vacating.deadlineOf(pod) !== undefined) return -Infinity;
    if (pod.running) return pod.endsAt ?? Infinity;
    const placedAt = this.#placedAt.get(pod.uid);
    return placedAt === undefined ? -Infinity : placedAt + STARTUP_MS + durationOf(pod);
  }
}
