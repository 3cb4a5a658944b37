import { MAX_NODE_SCORE } from '../constants.ts';
import type { Cycle } from '../framework/cycle.ts';
import type { PreScorePlugin, ScorePlugin } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { ResourceSpace } from '../snapshot/resource-space.ts';
import { CPU_AND_MEMORY, ScoredResources, type WeightedResource } from './resources/resource-scoring.ts';

/** `NodeResourcesBalancedAllocationArgs`. */
export interface NodeResourcesBalancedAllocationArgs {
  /** Default: cpu and memory. Their weights do not matter. */
  readonly resources?: readonly WeightedResource[];
}

/**
 * Prefers nodes on which, with the pod, about the same share of each resource is requested: `(1 − standard deviation of the
 * shares) × 100`. A pod without requests changes no share, and is left out.
 */
export class NodeResourcesBalancedAllocation implements PreScorePlugin, ScorePlugin {
  readonly name = 'NodeResourcesBalancedAllocation';
  readonly reads = 'room';
  readonly #scored: ScoredResources;

  constructor(space: ResourceSpace, { resources = CPU_AND_MEMORY }: NodeResourcesBalancedAllocationArgs = {}) {
    this.#scored = new ScoredResources(resources, space);
  }

  preScore({ pod }: Cycle): 'skip' | undefined {
    return this.#scored.indexes.every((index) => (pod.requests[index] ?? 0) === 0) ? 'skip' : undefined;
  }

  score({ pod }: Cycle, node: NodeInfo): number {
    let first = 0;
    let second = 0;
    let sum = 0;
    let count = 0;
    for (const index of this.#scored.indexes) {
      const share = this.#shareOf(index, pod, node);
      if (share === undefined) continue;
      if (count === 0) first = share;
      else second = share;
      sum += share;
      count += 1;
    }
    if (count < 2) return MAX_NODE_SCORE;
    // The same to the last bit as upstream's, which knows this case apart.
    if (count === 2) return Math.trunc((1 - Math.abs((first - second) / 2)) * MAX_NODE_SCORE);
    const mean = sum / count;
    let squares = 0;
    for (const index of this.#scored.indexes) {
      const share = this.#shareOf(index, pod, node);
      if (share !== undefined) squares += (share - mean) * (share - mean);
    }
    return Math.trunc((1 - Math.sqrt(squares / count)) * MAX_NODE_SCORE);
  }

  /** Share of the resource that would be requested; undefined: it has no say. */
  #shareOf(index: number, pod: PodInfo, node: NodeInfo): number | undefined {
    const { requested, capacity } = this.#scored.asRequested(index, pod, node);
    return capacity === 0 ? undefined : Math.min(1, requested / capacity);
  }
}
