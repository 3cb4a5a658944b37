import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Cycle } from './cycle.ts';
import {
  type FilterPlugin,
  type Gate,
  type Impasse,
  implementsFilter,
  implementsPostFilter,
  implementsPreEnqueue,
  implementsPreFilter,
  implementsPreScore,
  implementsQueueSort,
  implementsReserve,
  implementsScore,
  type Plugin,
  type PostFilterPlugin,
  type PreEnqueuePlugin,
  type PreFilterPlugin,
  type PreScorePlugin,
  type QueuedPod,
  type QueueSortPlugin,
  type Rejection,
  type Remedy,
  type ReservePlugin,
  type ScorePlugin,
} from './phases.ts';

/** A plugin in use, with the weight of its score (kube-scheduler's `weight`; default 1). */
export interface WeightedPlugin {
  readonly plugin: Plugin;
  readonly weight?: number;
}

/** Scores of the nodes handed in, by index. */
export interface Scores {
  readonly totals: Float64Array;
  /** Weighed scores by plugin; plugins to which all nodes were alike are absent. */
  readonly byPlugin: readonly { readonly name: string; readonly scores: Float64Array }[];
}

/** Runs the phases of the plugins of one profile. */
export class Framework {
  readonly plugins: readonly Plugin[];
  readonly #preEnqueue: readonly PreEnqueuePlugin[];
  readonly #queueSort: QueueSortPlugin | undefined;
  readonly #preFilter: readonly PreFilterPlugin[];
  /** Those whose prepared state depends on the pods of nodes. */
  readonly #stateful: readonly PreFilterPlugin[];
  readonly #filter: readonly FilterPlugin[];
  readonly #postFilter: readonly PostFilterPlugin[];
  readonly #preScore: readonly PreScorePlugin[];
  readonly #score: readonly { plugin: ScorePlugin; weight: number }[];
  readonly #reserve: readonly ReservePlugin[];

  constructor(weighted: readonly WeightedPlugin[]) {
    this.plugins = weighted.map(({ plugin }) => plugin);
    this.#preEnqueue = this.plugins.filter(implementsPreEnqueue);
    this.#queueSort = this.plugins.find(implementsQueueSort);
    this.#preFilter = this.plugins.filter(implementsPreFilter);
    this.#stateful = this.#preFilter.filter((plugin) => plugin.addPod !== undefined || plugin.removePod !== undefined);
    this.#filter = this.plugins.filter(implementsFilter);
    this.#postFilter = this.plugins.filter(implementsPostFilter);
    this.#preScore = this.plugins.filter(implementsPreScore);
    this.#score = weighted.flatMap(({ plugin, weight = 1 }) => (implementsScore(plugin) ? [{ plugin, weight }] : []));
    this.#reserve = this.plugins.filter(implementsReserve);
  }

  /** The gate that keeps the pod out of the queue; the first closed one speaks. */
  gateOf(pod: PodInfo, now: number): Gate | undefined {
    for (const plugin of this.#preEnqueue) {
      const gate = plugin.preEnqueue(pod, now);
      if (gate !== undefined) return gate;
    }
    return undefined;
  }

  less(one: QueuedPod, other: QueuedPod): boolean {
    return this.#queueSort === undefined ? one.sequence < other.sequence : this.#queueSort.less(one, other);
  }

  /** Prepares the cycle; a rejection holds for every node. */
  preFilter(cycle: Cycle): Rejection | undefined {
    for (const plugin of this.#preFilter) {
      const answer = plugin.preFilter(cycle);
      if (answer === undefined) continue;
      if (answer === 'skip') cycle.skippedFilters.add(plugin.name);
      else if ('onlyNodes' in answer) cycle.narrow(answer.onlyNodes, plugin.name);
      else return answer;
    }
    return undefined;
  }

  /** The filters that have something to say about this pod. */
  filtersOf(cycle: Cycle): readonly FilterPlugin[] {
    return this.#filter.filter((plugin) => !cycle.skippedFilters.has(plugin.name));
  }

  /**
   * Whether the node can take the pod, with the room promised there to pods of equal or higher priority taken as used.
   */
  filter(cycle: Cycle, node: NodeInfo, filters: readonly FilterPlugin[]): Rejection | undefined {
    if (node.nominated.length > 0) {
      const promised = node.nominated.filter(
        (other) => other.priority >= cycle.pod.priority && other.uid !== cycle.pod.uid && !node.pods.has(other.uid),
      );
      if (promised.length > 0) return this.#filterBeside(cycle, node, filters, promised);
    }
    return runFilters(cycle, node, filters);
  }

  #filterBeside(
    cycle: Cycle,
    node: NodeInfo,
    filters: readonly FilterPlugin[],
    promised: readonly PodInfo[],
  ): Rejection | undefined {
    for (const pod of promised) this.addPod(cycle, pod, node);
    try {
      return runFilters(cycle, node, filters);
    } finally {
      for (const pod of promised) this.removePod(cycle, pod, node);
    }
  }

  /**
   * Tries out one more pod on the node; undone by {@link removePod}. What is requested of the node changes, and the
   * plugins' state with it; the list of its pods does not.
   */
  addPod(cycle: Cycle, pod: PodInfo, node: NodeInfo): void {
    node.adjust(pod, 1);
    for (const plugin of this.#stateful) plugin.addPod?.(cycle, pod, node);
  }

  /** Tries out one pod fewer on the node; undone by {@link addPod}. */
  removePod(cycle: Cycle, pod: PodInfo, node: NodeInfo): void {
    node.adjust(pod, -1);
    for (const plugin of this.#stateful) plugin.removePod?.(cycle, pod, node);
  }

  /** What can be done for a pod that fits nowhere: the first remedy any plugin finds, else the last refusal. */
  postFilter(cycle: Cycle, impasse: Impasse): Remedy {
    let remedy: Remedy = { type: 'None', message: '' };
    for (const plugin of this.#postFilter) {
      remedy = plugin.postFilter(cycle, impasse);
      if (remedy.type !== 'None') return remedy;
    }
    return remedy;
  }

  score(cycle: Cycle, nodes: readonly NodeInfo[]): Scores {
    const totals = new Float64Array(nodes.length);
    const byPlugin: { name: string; scores: Float64Array }[] = [];
    const skipped = new Set<string>();
    for (const plugin of this.#preScore) if (plugin.preScore(cycle, nodes) === 'skip') skipped.add(plugin.name);
    for (const { plugin, weight } of this.#score) {
      if (skipped.has(plugin.name)) continue;
      const scores = new Float64Array(nodes.length);
      for (let index = 0; index < nodes.length; index++) {
        const node = nodes[index];
        if (node !== undefined) scores[index] = plugin.score(cycle, node);
      }
      plugin.normalize?.(cycle, scores);
      for (let index = 0; index < nodes.length; index++) {
        const weighed = (scores[index] ?? 0) * weight;
        scores[index] = weighed;
        totals[index] = (totals[index] ?? 0) + weighed;
      }
      byPlugin.push({ name: plugin.name, scores });
    }
    return { totals, byPlugin };
  }

  /** All or nothing: when one plugin refuses, those before it are undone. */
  reserve(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    for (const plugin of this.#reserve) {
      const rejection = plugin.reserve(cycle, node);
      if (rejection !== undefined) {
        this.unreserve(cycle.pod, node.name);
        return rejection;
      }
    }
    return undefined;
  }

  unreserve(pod: PodInfo, nodeName: string): void {
    for (const plugin of this.#reserve.toReversed()) plugin.unreserve(pod, nodeName);
  }
}

function runFilters(cycle: Cycle, node: NodeInfo, filters: readonly FilterPlugin[]): Rejection | undefined {
  for (const plugin of filters) {
    const rejection = plugin.filter(cycle, node);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
}
