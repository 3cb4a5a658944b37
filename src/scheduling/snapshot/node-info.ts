import { conditionOf, type Node, parseResources, type Taint } from '../../model/index.ts';
import type { PodInfo } from './pod-info.ts';
import type { ResourceSpace } from './resource-space.ts';

const NONE: Float64Array = new Float64Array(0);
const NO_TAINTS: readonly Taint[] = [];
const NO_LABELS: Readonly<Record<string, string>> = {};

/** In what a node changed. */
export interface NodeChange {
  readonly added: boolean;
  readonly allocatable: boolean;
  readonly labels: boolean;
  readonly taints: boolean;
  readonly unschedulable: boolean;
  readonly conditions: boolean;
  /** Container images it holds. */
  readonly images: boolean;
  /** Annotations, which only some plugins read. */
  readonly annotations: boolean;
  /** What runs its containers. */
  readonly containerRuntime: boolean;
}

interface Facts {
  readonly allocatable: string;
  readonly labels: string;
  readonly taints: string;
  readonly unschedulable: boolean;
  readonly ready: boolean;
  readonly images: number;
  readonly annotations: string;
  readonly containerRuntime: string | undefined;
}

/** A node with the pods that take its room, and the sum of what they take kept up to date. */
export class NodeInfo {
  readonly name: string;
  /** Small number that no other node has while this one is known: an index into arrays over nodes. */
  readonly slot: number;
  /** Undefined while pods name a node that is not (or no longer) there. */
  node: Node | undefined;
  allocatable = NONE;
  requested: Float64Array = new Float64Array(4);
  scoredCpu = 0;
  scoredMemory = 0;
  labels = NO_LABELS;
  /** Taints that keep pods away (NoSchedule, NoExecute). */
  hardTaints = NO_TAINTS;
  /** Taints that only score (PreferNoSchedule). */
  softTaints = NO_TAINTS;
  unschedulable = false;
  /** False when the condition Ready says otherwise; a node without the condition counts as ready, as upstream. */
  ready = true;
  readonly pods = new Map<string, PodInfo>();
  /** Pods that are promised room here, highest priority first. */
  nominated: PodInfo[] = [];
  /** How many of `pods` have a known natural end. */
  timedPods = 0;
  /** Grows with every change of anything above, over all nodes of the cluster; trials by {@link adjust} apart. */
  generation = 0;
  /** Kept by {@link Rooms}: the number of its room, as of which generation, and that of its {@link kind}. */
  readonly room: { number: number; generation: number; kind: number | undefined } = {
    number: -1,
    generation: -1,
    kind: undefined,
  };
  /** Place among the nodes by name; kept by the cluster. */
  position = -1;
  /** Neighbours in the order of change, newest first; kept by the cluster. */
  newer: NodeInfo | undefined;
  older: NodeInfo | undefined;
  #facts: Facts | undefined;

  constructor(name: string, slot = 0) {
    this.name = name;
    this.slot = slot;
  }

  /** Takes over the object. Returns in what it changed; undefined: in nothing that a decision could depend on. */
  update(node: Node, space: ResourceSpace): NodeChange | undefined {
    const before = this.node === undefined ? undefined : this.#facts;
    this.node = node;
    const facts = factsOf(node);
    this.#facts = facts;
    this.room.kind = undefined;
    const change: NodeChange = {
      added: before === undefined,
      allocatable: before?.allocatable !== facts.allocatable,
      labels: before?.labels !== facts.labels,
      taints: before?.taints !== facts.taints,
      unschedulable: before?.unschedulable !== facts.unschedulable,
      conditions: before?.ready !== facts.ready,
      images: before?.images !== facts.images,
      annotations: before?.annotations !== facts.annotations,
      containerRuntime: before?.containerRuntime !== facts.containerRuntime,
    };
    if (change.allocatable) {
      this.allocatable = space.vector(parseResources(node.status?.allocatable ?? node.status?.capacity));
    }
    this.labels = node.metadata.labels ?? NO_LABELS;
    if (change.taints) {
      const taints = node.spec?.taints ?? NO_TAINTS;
      this.hardTaints = taints.filter((taint) => taint.effect !== 'PreferNoSchedule');
      this.softTaints = taints.filter((taint) => taint.effect === 'PreferNoSchedule');
    }
    this.unschedulable = facts.unschedulable;
    this.ready = facts.ready;
    return Object.values(change).some((changed) => changed) ? change : undefined;
  }

  /** What its object says of its room: equal for nodes that offer the same to every pod. */
  get kind(): string {
    const { allocatable, taints, unschedulable, ready } = this.#facts ?? {};
    return `${allocatable} ${taints} ${unschedulable} ${ready}`;
  }

  addPod(pod: PodInfo): void {
    this.pods.set(pod.uid, pod);
    this.adjust(pod, 1);
    this.scoredCpu += pod.scoredCpu;
    this.scoredMemory += pod.scoredMemory;
    if (pod.endsAt !== undefined) this.timedPods += 1;
  }

  removePod(pod: PodInfo): void {
    if (!this.pods.delete(pod.uid)) return;
    this.adjust(pod, -1);
    this.scoredCpu -= pod.scoredCpu;
    this.scoredMemory -= pod.scoredMemory;
    if (pod.endsAt !== undefined) this.timedPods -= 1;
  }

  /**
   * Takes the requests of a pod off (`-1`) or on (`1`) to try out what would be; `pods` stays as it is. The caller undoes
   * it.
   */
  adjust(pod: PodInfo, sign: 1 | -1): void {
    const { requests } = pod;
    if (requests.length > this.requested.length) this.#lengthen(requests.length);
    const { requested } = this;
    for (let index = 0; index < requests.length; index++) {
      requested[index] = (requested[index] ?? 0) + sign * (requests[index] ?? 0);
    }
  }

  #lengthen(length: number): void {
    const longer = new Float64Array(length);
    longer.set(this.requested);
    this.requested = longer;
  }
}

function factsOf({ metadata, spec, status }: Node): Facts {
  const ready = conditionOf(status?.conditions, 'Ready');
  return {
    allocatable: JSON.stringify(status?.allocatable ?? status?.capacity ?? {}),
    labels: JSON.stringify(metadata.labels ?? NO_LABELS),
    taints: JSON.stringify(spec?.taints ?? NO_TAINTS),
    unschedulable: spec?.unschedulable === true,
    ready: ready === undefined || ready.status === 'True',
    images: imagesFingerprint(status?.images ?? []),
    annotations: JSON.stringify(metadata.annotations ?? NO_LABELS),
    containerRuntime: status?.nodeInfo?.containerRuntimeVersion,
  };
}

/** Order-sensitive FNV-1a over names and sizes: a node's list of images is long, and only whether it changed is asked. */
function imagesFingerprint(images: readonly { names?: string[]; sizeBytes?: number }[]): number {
  let hash = 0x811c9dc5;
  for (const { names = [], sizeBytes = 0 } of images) {
    for (const name of names) {
      for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    }
    hash = Math.imul(hash ^ sizeBytes, 0x01000193);
  }
  return hash >>> 0;
}
