import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** Room kept for a workload that is being moved, until its next incarnation takes it. */
interface Place {
  readonly nodeName: string;
  readonly requests: Float64Array;
  readonly priority: number;
  readonly sourceUID: string;
  /** Whether it is to go on there and, as long as it fits there, nowhere else. */
  readonly isOnly: boolean;
  /** ms since the epoch. */
  readonly since: number;
}

/** A move that takes longer than this has failed; its place is given up. */
const MOST_MOVE_MS = 600_000;
/** An order to move shows by then: a pod that runs on unharmed was not moved. */
const ORDER_MS = 60_000;

/** Where workloads that are being moved are to go on. The place is theirs: a move must not end in the queue. */
export class HeldPlaces {
  readonly #byWorkload = new Map<string, Place>();

  get isEmpty(): boolean {
    return this.#byWorkload.size === 0;
  }

  /** @param isOnly whether it is to go on there and, as long as it fits there, nowhere else */
  hold(pod: PodInfo, nodeName: string, now: number, isOnly = false): void {
    const { workload, requests, priority, uid } = pod;
    this.#byWorkload.set(workload, { nodeName, requests, priority, sourceUID: uid, isOnly, since: now });
  }

  /** The node the workload is to go on on, and as long as it fits there no other; undefined: any may do. */
  onlyPlaceOf(workload: string): string | undefined {
    const place = this.#byWorkload.get(workload);
    return place?.isOnly === true ? place.nodeName : undefined;
  }

  /** The workload has its place, there or elsewhere. */
  release(workload: string): boolean {
    return this.#byWorkload.delete(workload);
  }

  /** Gives up places of moves that came to nothing; `runsOn` says whether a pod runs with nobody about to stop it. */
  expire(now: number, runsOn: (podUID: string) => boolean): void {
    if (this.#byWorkload.size === 0) return; // speed
    for (const [workload, { since, sourceUID }] of this.#byWorkload) {
      const isOver = now >= since + MOST_MOVE_MS || (now >= since + ORDER_MS && runsOn(sourceUID));
      if (isOver) this.#byWorkload.delete(workload);
    }
  }

  /** Whether the pod fits beside what is held on the node for others of at least its priority. */
  leavesRoom(pod: PodInfo, node: NodeInfo): boolean {
    let held: Float64Array | undefined;
    for (const [workload, { nodeName, requests, priority }] of this.#byWorkload) {
      if (nodeName !== node.name || workload === pod.workload || priority < pod.priority) continue;
      held ??= new Float64Array(Math.max(pod.requests.length, requests.length, node.requested.length));
      for (let index = 0; index < requests.length; index++) held[index] = (held[index] ?? 0) + (requests[index] ?? 0);
    }
    if (held === undefined) return true;
    for (let index = 0; index < pod.requests.length; index++) {
      const asked = pod.requests[index] ?? 0;
      const left = (node.allocatable[index] ?? 0) - (node.requested[index] ?? 0) - (held[index] ?? 0);
      if (asked > 0 && asked > left) return false;
    }
    return true;
  }
}
