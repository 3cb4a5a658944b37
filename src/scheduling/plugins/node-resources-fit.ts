import type { Cycle } from '../framework/cycle.ts';
import type { FilterPlugin, Rejection, ScorePlugin } from '../framework/phases.ts';
import type { NodeChange, NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { isScalar, PODS, type ResourceSpace } from '../snapshot/resource-space.ts';
import {
  alongShape,
  CPU_AND_MEMORY,
  leastAllocated,
  mostAllocated,
  type ResourceScore,
  ScoredResources,
  type ScoringStrategy,
} from './resources/resource-scoring.ts';

/** `NodeResourcesFitArgs`. */
export interface NodeResourcesFitArgs {
  /** Extended resources that do not have to fit. */
  readonly ignoredResources?: readonly string[];
  /** Prefixes, up to the slash, of extended resources that do not have to fit. */
  readonly ignoredResourceGroups?: readonly string[];
  /** Default: LeastAllocated over cpu and memory. */
  readonly scoringStrategy?: ScoringStrategy;
}

/**
 * Room for the pod's requests; a node that could never hold them, even empty, cannot be helped by preemption. Scores by
 * how full the node would be with the pod: the emptier the better, the fuller the better, or along a given shape.
 */
export class NodeResourcesFit implements FilterPlugin, ScorePlugin {
  readonly name = 'NodeResourcesFit';
  readonly reads = 'room';
  readonly hintsRead = 'template';
  readonly hints = {
    NodeChanged: (pod: PodInfo, { node, change }: { node: NodeInfo; change: NodeChange }) =>
      (change.added || change.allocatable) && withinCapacity(this.#counted(pod), node),
    RoomFreed: (pod: PodInfo, { node }: { node: NodeInfo }) => fitsNow(this.#counted(pod), node),
  };
  readonly #space: ResourceSpace;
  readonly #ignored: ReadonlySet<string>;
  readonly #ignoredGroups: readonly string[];
  readonly #scored: ScoredResources;
  readonly #score: ResourceScore;
  readonly #isShaped: boolean;
  readonly #rejections = new Map<string, Rejection>();
  readonly #countedRequests = new WeakMap<Float64Array, Float64Array>();

  constructor(
    space: ResourceSpace,
    { ignoredResources = [], ignoredResourceGroups = [], scoringStrategy = {} }: NodeResourcesFitArgs = {},
  ) {
    const { type = 'LeastAllocated', resources = CPU_AND_MEMORY, requestedToCapacityRatio } = scoringStrategy;
    this.#space = space;
    this.#ignored = new Set(ignoredResources);
    this.#ignoredGroups = ignoredResourceGroups;
    this.#scored = new ScoredResources(resources, space);
    this.#isShaped = type === 'RequestedToCapacityRatio';
    if (this.#isShaped) this.#score = alongShape(requestedToCapacityRatio?.shape ?? []);
    else this.#score = type === 'MostAllocated' ? mostAllocated : leastAllocated;
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const requests = this.#counted(cycle.pod);
    return fitsNow(requests, node) ? undefined : this.#explain(requests, node);
  }

  score(cycle: Cycle, node: NodeInfo): number {
    const { indexes, weights } = this.#scored;
    let score = 0;
    let weight = 0;
    for (let place = 0; place < indexes.length; place++) {
      const use = this.#scored.withDefaults(indexes[place] ?? 0, cycle.pod, node);
      if (use.capacity === 0) continue;
      const own = this.#score(use);
      // Along a shape, what scores nothing has no say (upstream).
      if (this.#isShaped && own <= 0) continue;
      const weighs = weights[place] ?? 0;
      score += own * weighs;
      weight += weighs;
    }
    if (weight === 0) return 0;
    return this.#isShaped ? Math.round(score / weight) : Math.trunc(score / weight);
  }

  /** The requests that have to fit. */
  #counted({ requests }: PodInfo): Float64Array {
    if (this.#ignored.size === 0 && this.#ignoredGroups.length === 0) return requests;
    let counted = this.#countedRequests.get(requests);
    if (counted === undefined) {
      counted = requests.map((amount, index) => (this.#isIgnored(index) ? 0 : amount));
      this.#countedRequests.set(requests, counted);
    }
    return counted;
  }

  #isIgnored(index: number): boolean {
    const name = this.#space.nameOf(index);
    if (!isScalar(index) || name.startsWith('hugepages-')) return false;
    return this.#ignored.has(name) || this.#ignoredGroups.includes(name.split('/')[0] ?? '');
  }

  #explain(requests: Float64Array, node: NodeInfo): Rejection {
    let lacking = '';
    let resolvable = true;
    for (let index = 0; index < requests.length; index++) {
      const asked = requests[index] ?? 0;
      if (asked <= 0 || asked <= (node.allocatable[index] ?? 0) - (node.requested[index] ?? 0)) continue;
      lacking += `${index} `;
      if (index !== PODS && asked > (node.allocatable[index] ?? 0)) resolvable = false;
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

function fitsNow(requests: Float64Array, { allocatable, requested }: NodeInfo): boolean {
  for (let index = 0; index < requests.length; index++) {
    const asked = requests[index] ?? 0;
    if (asked > 0 && asked > (allocatable[index] ?? 0) - (requested[index] ?? 0)) return false;
  }
  return true;
}

function withinCapacity(requests: Float64Array, { allocatable }: NodeInfo): boolean {
  for (let index = 0; index < requests.length; index++) {
    const asked = requests[index] ?? 0;
    if (asked > 0 && asked > (allocatable[index] ?? 0)) return false;
  }
  return true;
}
