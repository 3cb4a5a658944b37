import { type PodGroup, podGroupOf } from '../../model/index.ts';
import type { ClusterObjects } from '../snapshot/cluster-objects.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { SnapshotListener } from '../snapshot/snapshot-listener.ts';

/** Pods that start together or not at all. */
export interface Gang {
  /** `namespace/name` of its PodGroup. */
  readonly key: string;
  /** Pods that must run at once; undefined: the PodGroup does not exist. */
  readonly minMember: number | undefined;
  /** How long room may be kept for it while the rest of it is being made free, ms; undefined: as long as that takes. */
  readonly timeoutMs: number | undefined;
}

const NOBODY: ReadonlyMap<string, PodInfo> = new Map();

/** The pod groups and who belongs to them: those that have room, and those seen waiting. */
export class PodGroups implements SnapshotListener {
  readonly #objects: ClusterObjects;
  readonly #placed = new Map<string, Map<string, PodInfo>>();
  readonly #waiting = new Map<string, Set<string>>();
  /** UID → group, of members that have succeeded and whose object is still there. */
  readonly #succeeded = new Map<string, string>();

  constructor(objects: ClusterObjects) {
    this.#objects = objects;
  }

  /** The gang the pod says it belongs to. */
  of(pod: PodInfo): Gang | undefined {
    const key = podGroupOf(pod.pod);
    if (key === undefined) return undefined;
    const spec = this.#objects.get<PodGroup>('PodGroup', key)?.spec;
    const seconds = spec?.scheduleTimeoutSeconds;
    return {
      key,
      minMember: spec === undefined ? undefined : Math.max(1, spec.minMember ?? 1),
      timeoutMs: seconds === undefined ? undefined : seconds * 1_000,
    };
  }

  /** Takes note of a pod that waits for a node. */
  seenWaiting(pod: PodInfo): void {
    const key = podGroupOf(pod.pod);
    if (key === undefined) return;
    const others = this.#waiting.get(key);
    if (others === undefined) this.#waiting.set(key, new Set([pod.uid]));
    else others.add(pod.uid);
  }

  /** UIDs of members seen waiting for which `isWaiting` still holds; the others are forgotten. */
  waitingOf(key: string, isWaiting: (uid: string) => boolean): readonly string[] {
    const seen = this.#waiting.get(key);
    if (seen === undefined) return [];
    for (const uid of seen) if (!isWaiting(uid)) seen.delete(uid);
    if (seen.size === 0) this.#waiting.delete(key);
    return [...seen];
  }

  /** Takes note of a pod that has ended well. */
  seenSucceeded(pod: PodInfo): void {
    const key = podGroupOf(pod.pod);
    if (key !== undefined) this.#succeeded.set(pod.uid, key);
  }

  /** The pod's object is gone. */
  forgetPod(uid: string): void {
    this.#succeeded.delete(uid);
  }

  /** How many members have ended well, as long as their objects are there. */
  succeededOf(key: string): number {
    let count = 0;
    for (const group of this.#succeeded.values()) if (group === key) count += 1;
    return count;
  }

  /** Members that have room, by UID. */
  placedOf(key: string): ReadonlyMap<string, PodInfo> {
    return this.#placed.get(key) ?? NOBODY;
  }

  podPlaced(pod: PodInfo): void {
    const key = podGroupOf(pod.pod);
    if (key === undefined) return;
    const others = this.#placed.get(key);
    if (others === undefined) this.#placed.set(key, new Map([[pod.uid, pod]]));
    else others.set(pod.uid, pod);
  }

  podDisplaced(pod: PodInfo): void {
    const key = podGroupOf(pod.pod);
    const others = key === undefined ? undefined : this.#placed.get(key);
    if (key === undefined || others === undefined) return;
    others.delete(pod.uid);
    if (others.size === 0) this.#placed.delete(key);
  }
}
