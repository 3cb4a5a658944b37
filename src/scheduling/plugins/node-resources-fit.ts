import { MAX_NODE_SCORE } from '../constants.ts';
import type { Cycle } from '../framework/cycle.ts';
import type { FilterPlugin, Rejection, ScorePlugin } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { CPU, MEMORY, PODS, type ResourceSpace } from '../snapshot/resource-space.ts';

/** Weights of LeastAllocated; cpu and memory 1 each, as upstream. */
export interface LeastAllocatedWeights {
  readonly cpu: number;
  readonly memory: number;
}

/**
 * Room for the pod's requests; a node that could never hold them, even empty, cannot be helped by preemption. Scores by
 * LeastAllocated: the emptier a node would be with the pod, the better.
 */
export class NodeResourcesFit implements FilterPlugin, ScorePlugin {
  readonly name = 'NodeResourcesFit';
  readonly hints = {
    NodeChanged: (pod: PodInfo, { node }: { node: NodeInfo }) => withinCapacity(pod, node),
    RoomFreed: (pod: PodInfo, { node }: { node: NodeInfo }) => fitsNow(pod, node),
  };
  readonly #space: ResourceSpace;
  readonly #weights: LeastAllocatedWeights;
  readonly #rejections = new Map<string, Rejection>();

  constructor(space: ResourceSpace, weights: LeastAllocatedWeights = { cpu: 1, memory: 1 }) {
    this.#space = space;
    this.#weights = weights;
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    return fitsNow(cycle.pod, node) ? undefined : this.#explain(cycle.pod, node);
  }

  score(cycle: Cycle, node: NodeInfo): number {
    const { pod } = cycle;
    const { cpu, memory } = this.#weights;
    let score = 0;
    let weight = 0;
    const cpuCapacity = node.allocatable[CPU] ?? 0;
    if (cpuCapacity > 0) {
      score += cpu * unusedScore(node.scoredCpu + pod.scoredCpu, cpuCapacity);
      weight += cpu;
    }
    const memoryCapacity = node.allocatable[MEMORY] ?? 0;
    if (memoryCapacity > 0) {
      score += memory * unusedScore(node.scoredMemory + pod.scoredMemory, memoryCapacity);
      weight += memory;
    }
    return weight === 0 ? 0 : Math.trunc(score / weight);
  }

  #explain(pod: PodInfo, node: NodeInfo): Rejection {
    let lacking = '';
    let resolvable = true;
    for (let index = 0; index < pod.requests.length; index++) {
      const asked = pod.requests[index] ?? 0;
      if (asked <= 0 || asked <= (node.allocatable[index] ?? 0) - (node.requested[index] ?? 0)) continue;
      lacking += `${index} `;
      if (asked > (node.allocatable[index] ?? 0)) resolvable = false;
    }
    const key = `${lacking}${resolvable}`;
    let rejection = this.#rejections.get(key);
    if (rejection === undefined) {
      const reasons = lacking
        .trim()
        .split(' ')
        .map(Number)
        .map((index) => (index === PODS ? 'Too many pods' : `Insufficient ${this.#space.nameOf(index)}`));
      rejection = { plugin: this.name, reasons, resolvable };
      this.#rejections.set(key, rejection);
    }
    return rejection;
  }
}

export function fitsNow(pod: PodInfo, node: NodeInfo): boolean {
  const { requests } = pod;
  const { allocatable, requested } = node;
  for (let index = 0; index < requests.length; index++) {
    const asked = requests[index] ?? 0;
    if (asked > 0 && asked > (allocatable[index] ?? 0) - (requested[index] ?? 0)) return false;
  }
  return true;
}

function withinCapacity(pod: PodInfo, node: NodeInfo): boolean {
  for (let index = 0; index < pod.requests.length; index++) {
    const asked = pod.requests[index] ?? 0;
    if (asked > 0 && asked > (node.allocatable[index] ?? 0)) return false;
  }
  return true;
}

function unusedScore(requested: number, capacity: number): number {
  return requested > capacity ? 0 : Math.trunc(((capacity - requested) * MAX_NODE_SCORE) / capacity);
}
