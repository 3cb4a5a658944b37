import { type PodGroup, podGroupOf } from '../../model/index.ts';
import type { ClusterObjects } from '../snapshot/cluster-objects.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { SnapshotListener } from '../snapshot/snapshot-listener.ts';

/** Pods that start together or not at all: those of a PodGroup, and those that a group checkpoint stopped together. */
export interface Gang {
  /** `namespace/name` of its PodGroup; of a group checkpoint, with its kind before. */
  readonly key: string;
  /** For people: its kind and `namespace/name`. */
  readonly title: string;
  /** Pods that must run at once; undefined: the PodGroup does not exist. */
  readonly minMember: number | undefined;
  /** How many of a group checkpoint have yet to come back; no fewer of its pods are started. 0: nobody comes back with others. */
  readonly returning: number;
  /** How long room may be kept for it while the rest of it is being made free, ms; undefined: as long as that takes. */
  readonly timeoutMs: number | undefined;
}

/** By `namespace/name` of a PodCheckpoint: the group checkpoint it has yet to come back with, and how many have; undefined: none. */
export type ReturningWith = (checkpointKey: string) => { readonly group: string; readonly size: number } | undefined;

const NOBODY: ReadonlyMap<string, PodInfo> = new Map();

/** The pod groups and who belongs to them: those that have room, and those seen waiting. */
export class PodGroups implements SnapshotListener {
  readonly #objects: ClusterObjects;
  readonly #returningWith: ReturningWith;
  readonly #placed = new Map<string, Map<string, PodInfo>>();
  /** UID → gang, of those that have room: the checkpoint of one that comes back may be forgotten before it goes. */
  readonly #keys = new Map<string, string>();
  readonly #waiting = new Map<string, Set<string>>();
  /** UID → group, of members that have succeeded and whose object is still there. */
  readonly #succeeded = new Map<string, string>();

  constructor(objects: ClusterObjects, returningWith: ReturningWith = () => undefined) {
    this.#objects = objects;
    this.#returningWith = returningWith;
  }

  /** The gang the pod says it belongs to, else the one it comes back with. */
  of(pod: PodInfo): Gang | undefined {
    const group = podGroupOf(pod.pod);
    const returning = this.#returning(pod);
    if (group === undefined) {
      if (returning === undefined) return undefined;
      const title = `group checkpoint ${returning.group}`;
      return { key: title, title, minMember: 0, returning: returning.size, timeoutMs: undefined };
    }
    const spec = this.#objects.get<PodGroup>('PodGroup', group)?.spec;
    const seconds = spec?.scheduleTimeoutSeconds;
    return {
      key: group,
      title: `pod group ${group}`,
      minMember: spec === undefined ? undefined : Math.max(1, spec.minMember ?? 1),
      returning: returning?.size ?? 0,
      timeoutMs: seconds === undefined ? undefined : seconds * 1_000,
    };
  }

  /** {@link Gang.key} of the pod's gang. */
  keyOf(pod: PodInfo): string | undefined {
    const group = podGroupOf(pod.pod);
    if (group !== undefined) return group;
    const returning = this.#returning(pod);
    return returning === undefined ? undefined : `group checkpoint ${returning.group}`;
  }

  /** Whether the pod has yet to come back with others. */
  isReturning(pod: PodInfo): boolean {
    return this.#returning(pod) !== undefined;
  }

  #returning({ namespace, restoreFrom }: PodInfo): ReturnType<ReturningWith> {
    return restoreFrom === undefined ? undefined : this.#returningWith(`${namespace}/${restoreFrom}`);
  }

  /** Takes note of a pod that waits for a node. */
  seenWaiting(pod: PodInfo): void {
    const key = this.keyOf(pod);
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
    const key = this.keyOf(pod);
    if (this.#keys.get(pod.uid) !== key) this.podDisplaced(pod);
    if (key === undefined) return;
    this.#keys.set(pod.uid, key);
    const others = this.#placed.get(key);
    if (others === undefined) this.#placed.set(key, new Map([[pod.uid, pod]]));
    else others.set(pod.uid, pod);
  }

  podDisplaced({ uid }: PodInfo): void {
    const key = this.#keys.get(uid);
    const others = key === undefined ? undefined : this.#placed.get(key);
    if (key === undefined || others === undefined) return;
    this.#keys.delete(uid);
    others.delete(uid);
    if (others.size === 0) this.#placed.delete(key);
  }
}
