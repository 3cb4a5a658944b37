import type { Node } from '../../model/index.ts';
import { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';
import { ResourceSpace } from './resource-space.ts';

/** Follows who is where, to keep counts of its own; told after the change. */
export interface ClusterIndex {
  podPlaced(pod: PodInfo, node: NodeInfo): void;
  podDisplaced(pod: PodInfo, node: NodeInfo): void;
  /** The node came, or changed in something decisions depend on. */
  nodeChanged(node: NodeInfo): void;
  /** The node went; its pods may still be there. */
  nodeRemoved(node: NodeInfo): void;
}

/**
 * What the engine knows of nodes, the pods that take their room, and the pods that were promised room. Kept up to date by
 * each event; nothing here is ever computed by walking all pods.
 */
export class Cluster {
  readonly space = new ResourceSpace();
  readonly #nodes = new Map<string, NodeInfo>();
  /** Existing nodes by name: the order of every walk, whatever order they arrived in. */
  readonly #list: NodeInfo[] = [];
  readonly #placed = new Map<string, PodInfo>();
  readonly #nominations = new Map<string, { pod: PodInfo; nodeName: string }>();
  readonly #indexes: ClusterIndex[] = [];
  readonly #freeSlots: number[] = [];
  #slots = 0;

  /** Has `index` told of every change from now on; call it before there is anything to know. */
  follow(index: ClusterIndex): void {
    this.#indexes.push(index);
  }

  get nodes(): readonly NodeInfo[] {
    return this.#list;
  }

  node(name: string): NodeInfo | undefined {
    const info = this.#nodes.get(name);
    return info?.node === undefined ? undefined : info;
  }

  /** The pod that takes room under this UID. */
  placed(uid: string): PodInfo | undefined {
    return this.#placed.get(uid);
  }

  setNode(node: Node): { info: NodeInfo; changed: boolean; added: boolean } {
    const info = this.#slot(node.metadata.name);
    const added = info.node === undefined;
    const changed = info.update(node, this.space);
    if (added) this.#list.splice(this.#position(info.name), 0, info);
    if (added || changed) for (const index of this.#indexes) index.nodeChanged(info);
    return { info, changed, added };
  }

  /** The node goes; pods that still name it are remembered for its return. */
  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (info?.node === undefined) return;
    this.#list.splice(this.#position(name), 1);
    info.node = undefined;
    for (const index of this.#indexes) index.nodeRemoved(info);
    this.#forget(info);
  }

  /** Puts the pod on `nodeName`, taking the place of what was known under its UID. */
  place(pod: PodInfo, nodeName: string): void {
    this.displace(pod.uid);
    pod.nodeName = nodeName;
    const info = this.#slot(nodeName);
    info.addPod(pod);
    this.#placed.set(pod.uid, pod);
    for (const index of this.#indexes) index.podPlaced(pod, info);
  }

  /** Frees the room of the pod; returns it, or undefined when it had none. */
  displace(uid: string): PodInfo | undefined {
    const pod = this.#placed.get(uid);
    if (pod?.nodeName === undefined) return undefined;
    this.#placed.delete(uid);
    const info = this.#slot(pod.nodeName);
    info.removePod(pod);
    for (const index of this.#indexes) index.podDisplaced(pod, info);
    this.#forget(info);
    return pod;
  }

  nominate(pod: PodInfo, nodeName: string): void {
    this.clearNomination(pod.uid);
    this.#nominations.set(pod.uid, { pod, nodeName });
    const info = this.#slot(nodeName);
    info.nominated = [...info.nominated, pod].sort(
      (one, other) => other.priority - one.priority || (one.uid < other.uid ? -1 : 1),
    );
  }

  /** Returns the node that was promised, if any. */
  clearNomination(uid: string): string | undefined {
    const nomination = this.#nominations.get(uid);
    if (nomination === undefined) return undefined;
    this.#nominations.delete(uid);
    const info = this.#slot(nomination.nodeName);
    info.nominated = info.nominated.filter((pod) => pod.uid !== uid);
    this.#forget(info);
    return nomination.nodeName;
  }

  nominationOf(uid: string): string | undefined {
    return this.#nominations.get(uid)?.nodeName;
  }

  nominatedTo(nodeName: string): readonly PodInfo[] {
    return this.#nodes.get(nodeName)?.nominated ?? [];
  }

  /** The whole state in a canonical form, to compare two snapshots. */
  digest(): Record<string, unknown> {
    const digest: Record<string, unknown> = {};
    for (const name of [...this.#nodes.keys()].sort()) {
      const info = this.#slot(name);
      digest[name] = {
        present: info.node !== undefined,
        allocatable: this.#named(info.allocatable),
        requested: this.#named(info.requested),
        scored: [info.scoredCpu, info.scoredMemory],
        timedPods: info.timedPods,
        pods: [...info.pods.keys()].sort(),
        nominated: info.nominated.map((pod) => pod.uid),
      };
    }
    return digest;
  }

  #named(vector: Float64Array): Record<string, number> {
    const named: Record<string, number> = {};
    vector.forEach((amount, index) => {
      if (amount !== 0) named[this.space.nameOf(index)] = amount;
    });
    return Object.fromEntries(Object.entries(named).sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  #slot(name: string): NodeInfo {
    let info = this.#nodes.get(name);
    if (info === undefined) {
      info = new NodeInfo(name, this.#freeSlots.pop() ?? this.#slots++);
      this.#nodes.set(name, info);
    }
    return info;
  }

  #forget(info: NodeInfo): void {
    if (info.node !== undefined || info.pods.size > 0 || info.nominated.length > 0) return;
    this.#nodes.delete(info.name);
    this.#freeSlots.push(info.slot);
  }

  /** Where `name` is, or would be, in the list. */
  #position(name: string): number {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#list[middle]?.name ?? '') < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
