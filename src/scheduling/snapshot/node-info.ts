import { conditionOf, type Node, parseResources, type Taint } from '../../model/index.ts';
import type { PodInfo } from './pod-info.ts';
import type { ResourceSpace } from './resource-space.ts';

const NONE: Float64Array = new Float64Array(0);
const NO_TAINTS: readonly Taint[] = [];
const NO_LABELS: Readonly<Record<string, string>> = {};

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

  constructor(name: string, slot = 0) {
    this.name = name;
    this.slot = slot;
  }

  /** Takes over the object. Returns whether anything changed that a decision could depend on. */
  update(node: Node, space: ResourceSpace): boolean {
    const before = this.node === undefined ? undefined : this.#facts();
    this.node = node;
    this.allocatable = space.vector(parseResources(node.status?.allocatable ?? node.status?.capacity));
    this.labels = node.metadata.labels ?? NO_LABELS;
    const taints = node.spec?.taints ?? NO_TAINTS;
    this.hardTaints = taints.filter((taint) => taint.effect !== 'PreferNoSchedule');
    this.softTaints = taints.filter((taint) => taint.effect === 'PreferNoSchedule');
    this.unschedulable = node.spec?.unschedulable === true;
    const ready = conditionOf(node.status?.conditions, 'Ready');
    this.ready = ready === undefined || ready.status === 'True';
    return before !== this.#facts();
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

  #facts(): string {
    return JSON.stringify([
      [...this.allocatable],
      this.labels,
      this.hardTaints,
      this.softTaints,
      this.unschedulable,
      this.ready,
    ]);
  }
}
