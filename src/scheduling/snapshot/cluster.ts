import type { KubeObject, Node } from '../../model/index.ts';
import { ClusterObjects } from './cluster-objects.ts';
import { type NodeChange, NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';
import { PodTemplates } from './pod-template.ts';
import { ResourceSpace } from './resource-space.ts';
import { Rooms } from './rooms.ts';
import type { SnapshotListener } from './snapshot-listener.ts';

export type { SnapshotListener as ClusterIndex } from './snapshot-listener.ts';

/**
 * What the engine knows of nodes, the pods that take their room, and the pods that were promised room. Kept up to date by
 * each event; nothing here is ever computed by walking all pods.
 */
export class Cluster {
  readonly space = new ResourceSpace();
  readonly templates = new PodTemplates(this.space);
  readonly objects = new ClusterObjects();
  readonly rooms = new Rooms();
  readonly #nodes = new Map<string, NodeInfo>();
  /** Existing nodes by name: the order of every walk, whatever order they arrived in. */
  readonly #list: NodeInfo[] = [];
  readonly #placed = new Map<string, PodInfo>();
  readonly #nominations = new Map<string, { pod: PodInfo; nodeName: string }>();
  readonly #indexes: SnapshotListener[] = [];
  readonly #freeSlots: number[] = [];
  #slots = 0;
  #generation = 0;
  #membership = 0;
  #nodeVersion = 0;
  #positionsOf = -1;
  #settled: readonly NodeInfo[] = [];
  #newest: NodeInfo | undefined;

  /** Has `index` told of every change from now on; call it before there is anything to know. */
  follow(index: SnapshotListener): void {
    this.#indexes.push(index);
  }

  /** Existing nodes by name. */
  get nodes(): readonly NodeInfo[] {
    return this.#list;
  }

  /** Grows whenever a node comes or goes: positions hold as long as it stays. */
  get membership(): number {
    return this.#membership;
  }

  /** Grows with every change of a node object, other than of its pods. */
  get nodeVersion(): number {
    return this.#nodeVersion;
  }

  /** Grows with every change of a node, its pods, or what is promised there. */
  get generation(): number {
    return this.#generation;
  }

  /** Every pod that takes room. */
  get placedPods(): Iterable<PodInfo> {
    return this.#placed.values();
  }

  /** The node that changed last; {@link NodeInfo.older} leads on to those before. */
  get newest(): NodeInfo | undefined {
    return this.#newest;
  }

  /** The nodes as they are now, in an array that never changes; `NodeInfo.position` is made what it is in there. */
  settledNodes(): readonly NodeInfo[] {
    if (this.#positionsOf === this.#membership) return this.#settled;
    this.#settled = [...this.#list];
    this.#settled.forEach((node, position) => {
      node.position = position;
    });
    this.#positionsOf = this.#membership;
    return this.#settled;
  }

  node(name: string): NodeInfo | undefined {
    const info = this.#nodes.get(name);
    return info?.node === undefined ? undefined : info;
  }

  /** The pod that takes room under this UID. */
  placed(uid: string): PodInfo | undefined {
    return this.#placed.get(uid);
  }

  /** Returns the node and in what it changed, if in anything. */
  setNode(node: Node): { info: NodeInfo; change: NodeChange | undefined } {
    const info = this.#slot(node.metadata.name);
    const change = info.update(node, this.space);
    if (change === undefined) return { info, change };
    this.#nodeVersion += 1;
    if (change.added) {
      this.#list.splice(this.#placeOf(info.name), 0, info);
      this.#membership += 1;
    }
    this.#touch(info);
    for (const index of this.#indexes) index.nodeChanged?.(info, change);
    return { info, change };
  }

  /** The node goes; pods that still name it are remembered for its return. */
  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (info?.node === undefined) return;
    this.#list.splice(this.#placeOf(name), 1);
    this.#membership += 1;
    this.#nodeVersion += 1;
    info.position = -1;
    info.node = undefined;
    this.#touch(info);
    for (const index of this.#indexes) index.nodeRemoved?.(info);
    this.#forget(info);
  }

  putObject(object: KubeObject): KubeObject | undefined {
    const before = this.objects.put(object);
    for (const index of this.#indexes) index.objectChanged?.(object, before);
    return before;
  }

  deleteObject(object: KubeObject): void {
    if (!this.objects.delete(object)) return;
    for (const index of this.#indexes) index.objectDeleted?.(object);
  }

  /** Puts the pod on `nodeName`, taking the place of what was known under its UID. */
  place(pod: PodInfo, nodeName: string): void {
    this.displace(pod.uid);
    pod.nodeName = nodeName;
    const info = this.#slot(nodeName);
    info.addPod(pod);
    this.#placed.set(pod.uid, pod);
    this.#touch(info);
    for (const index of this.#indexes) index.podPlaced?.(pod, info);
  }

  /** Frees the room of the pod; returns it, or undefined when it had none. */
  displace(uid: string): PodInfo | undefined {
    const pod = this.#placed.get(uid);
    if (pod?.nodeName === undefined) return undefined;
    this.#placed.delete(uid);
    const info = this.#slot(pod.nodeName);
    info.removePod(pod);
    this.#touch(info);
    for (const index of this.#indexes) index.podDisplaced?.(pod, info);
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
    this.#touch(info);
  }

  /** Returns the node that was promised, if any. */
  clearNomination(uid: string): string | undefined {
    const nomination = this.#nominations.get(uid);
    if (nomination === undefined) return undefined;
    this.#nominations.delete(uid);
    const info = this.#slot(nomination.nodeName);
    info.nominated = info.nominated.filter((pod) => pod.uid !== uid);
    this.#touch(info);
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
    this.#unlink(info);
  }

  /** Notes that the node changed: it becomes the newest in the order of change (kube-scheduler's cache does the same). */
  #touch(info: NodeInfo): void {
    this.#generation += 1;
    info.generation = this.#generation;
    if (this.#newest === info) return;
    this.#unlink(info);
    info.older = this.#newest;
    if (this.#newest !== undefined) this.#newest.newer = info;
    this.#newest = info;
  }

  #unlink(info: NodeInfo): void {
    if (info.newer !== undefined) info.newer.older = info.older;
    if (info.older !== undefined) info.older.newer = info.newer;
    if (this.#newest === info) this.#newest = info.older;
    info.newer = undefined;
    info.older = undefined;
  }

  /** Where `name` is, or would be, in the list. */
  #placeOf(name: string): number {
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
