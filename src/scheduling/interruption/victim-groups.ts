import { podGroupOf } from '../../model/index.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { SnapshotListener } from '../snapshot/snapshot-listener.ts';

/** Where the members of a group run. */
export interface PlacedMember {
  readonly pod: PodInfo;
  readonly node: NodeInfo;
}

const ALONE: readonly PlacedMember[] = [];

/**
 * Which running pods are interrupted together: those with the same `scheduling.x-k8s.io/pod-group` label in a namespace,
 * wherever they run. A distributed job of which one rank is stopped computes nothing with the others.
 */
export class VictimGroups implements SnapshotListener {
  readonly #byGroup = new Map<string, Map<string, PlacedMember>>();

  podPlaced(pod: PodInfo, node: NodeInfo): void {
    const group = podGroupOf(pod.pod);
    if (group === undefined) return;
    const members = this.#byGroup.get(group);
    if (members === undefined) this.#byGroup.set(group, new Map([[pod.uid, { pod, node }]]));
    else members.set(pod.uid, { pod, node });
  }

  podDisplaced(pod: PodInfo): void {
    const group = podGroupOf(pod.pod);
    const members = group === undefined ? undefined : this.#byGroup.get(group);
    if (group === undefined || members === undefined) return;
    members.delete(pod.uid);
    if (members.size === 0) this.#byGroup.delete(group);
  }

  get isEmpty(): boolean {
    return this.#byGroup.size === 0;
  }

  /** `namespace/name` of the group the pod is interrupted with; undefined when it runs alone. */
  groupOf(pod: PodInfo): string | undefined {
    if (this.#byGroup.size === 0) return undefined; // speed
    const group = podGroupOf(pod.pod);
    return group !== undefined && (this.#byGroup.get(group)?.size ?? 0) > 1 ? group : undefined;
  }

  /** By UID, so that the order depends on nothing else. */
  membersOf(group: string): readonly PlacedMember[] {
    const members = this.#byGroup.get(group);
    if (members === undefined) return ALONE;
    return [...members.values()].sort((one, other) => (one.pod.uid < other.pod.uid ? -1 : 1));
  }
}
