import { FermataError } from '../../../model/index.ts';
import { MAX_NODE_SCORE } from '../../constants.ts';
import type { NodeInfo } from '../../snapshot/node-info.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';
import { CPU, isScalar, MEMORY, type ResourceSpace } from '../../snapshot/resource-space.ts';

/** A resource that a score looks at, and what it weighs (`config.ResourceSpec`; weight 1…100, default 1). */
export interface WeightedResource {
  readonly name: string;
  readonly weight?: number;
}

/** A point of the shape of RequestedToCapacityRatio: utilization 0…100, score 0…10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

/** `ScoringStrategy` of NodeResourcesFitArgs. */
export interface ScoringStrategy {
  readonly type?: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio';
  readonly resources?: readonly WeightedResource[];
  readonly requestedToCapacityRatio?: { readonly shape: readonly ShapePoint[] };
}

export const CPU_AND_MEMORY: readonly WeightedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];
const HIGHEST_SHAPE_SCORE = 10;

/** What would be requested of one resource with the pod on the node, of how much. */
export interface Use {
  requested: number;
  capacity: number;
}

/** Score of one resource, 0…100. */
export type ResourceScore = (use: Use) => number;

/** The resources a score looks at, by their index. */
export class ScoredResources {
  readonly indexes: readonly number[];
  readonly weights: readonly number[];
  readonly #use: Use = { requested: 0, capacity: 0 };

  constructor(resources: readonly WeightedResource[], space: ResourceSpace) {
    this.indexes = resources.map(({ name }) => space.indexOf(name));
    this.weights = resources.map(({ weight = 1 }) => weight);
  }

  /**
   * What scores go by: of cpu and memory, containers without a request count with a default. An extended resource the pod
   * does not ask for has no capacity here, and so no say.
   */
  withDefaults(index: number, pod: PodInfo, node: NodeInfo): Use {
    switch (index) {
      case CPU:
        return this.#of(node.scoredCpu + pod.scoredCpu, node.allocatable[CPU] ?? 0);
      case MEMORY:
        return this.#of(node.scoredMemory + pod.scoredMemory, node.allocatable[MEMORY] ?? 0);
      default:
        return this.asRequested(index, pod, node);
    }
  }

  /** What is really requested. */
  asRequested(index: number, pod: PodInfo, node: NodeInfo): Use {
    const asked = pod.requests[index] ?? 0;
    if (asked === 0 && isScalar(index)) return this.#of(0, 0);
    return this.#of((node.requested[index] ?? 0) + asked, node.allocatable[index] ?? 0);
  }

  /** One object for all answers: it is read at once, five thousand times a pod. */
  #of(requested: number, capacity: number): Use {
    this.#use.requested = requested;
    this.#use.capacity = capacity;
    return this.#use;
  }
}

export const leastAllocated: ResourceScore = ({ requested, capacity }) =>
  requested > capacity ? 0 : Math.trunc(((capacity - requested) * MAX_NODE_SCORE) / capacity);

export const mostAllocated: ResourceScore = ({ requested, capacity }) =>
  Math.trunc((Math.min(requested, capacity) * MAX_NODE_SCORE) / capacity);

/** A line through the points, level before the first and after the last (`helper.BuildBrokenLinearFunction`). */
export function alongShape(shape: readonly ShapePoint[]): ResourceScore {
  checkShape(shape);
  const points = shape.map(({ utilization, score }) => ({
    utilization,
    score: score * (MAX_NODE_SCORE / HIGHEST_SHAPE_SCORE),
  }));
  return ({ requested, capacity }) => {
    const utilization = requested > capacity ? 100 : Math.trunc((requested * 100) / capacity);
    let before: (typeof points)[number] | undefined;
    for (const point of points) {
      if (utilization <= point.utilization) {
        if (before === undefined) return point.score;
        const rise = (point.score - before.score) * (utilization - before.utilization);
        return before.score + Math.trunc(rise / (point.utilization - before.utilization));
      }
      before = point;
    }
    return before?.score ?? 0;
  };
}

function checkShape(shape: readonly ShapePoint[]): void {
  let before = -1;
  for (const { utilization, score } of shape) {
    if (utilization <= before || utilization > 100 || score < 0 || score > HIGHEST_SHAPE_SCORE) {
      throw new FermataError(
        'ProfileInvalid',
        `the shape of RequestedToCapacityRatio has the point utilization ${utilization}, score ${score}`,
        { nextStep: 'Give utilizations from 0 to 100 in rising order, and scores from 0 to 10.' },
      );
    }
    before = utilization;
  }
  if (shape.length > 0) return;
  throw new FermataError('ProfileInvalid', 'the shape of RequestedToCapacityRatio has no points', {
    nextStep: 'Give at least one point under requestedToCapacityRatio.shape.',
  });
}
