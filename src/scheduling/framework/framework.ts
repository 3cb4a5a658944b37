import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Cycle } from './cycle.ts';
import {
  type BindPlugin,
  type FilterPlugin,
  type Gate,
  type Impasse,
  implementsBind,
  implementsFilter,
  implementsPermit,
  implementsPostBind,
  implementsPostFilter,
  implementsPreBind,
  implementsPreEnqueue,
  implementsPreFilter,
  implementsPreScore,
  implementsQueueSort,
  implementsReserve,
  implementsScore,
  type PermitPlugin,
  type Phase,
  type Plugin,
  type PostBindPlugin,
  type PostFilterPlugin,
  type PreBindPlugin,
  type PreBindStep,
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
  /** The phases it takes part in; all it implements by default. */
  readonly phases?: ReadonlySet<Phase>;
}

export interface Scorer {
  readonly plugin: ScorePlugin;
  readonly weight: number;
}

/** What Permit came to: bind now, or once those asked to wait allow it, by plugin with the end of its patience in ms. */
export type Permit = 'allow' | Rejection | { readonly waits: ReadonlyMap<string, number> };

/** Scores of the nodes handed in, by index. */
export interface Scores {
  readonly totals: Float64Array;
  /** Weighed scores by plugin; plugins to which all nodes were alike are absent. */
  readonly byPlugin: readonly { readonly name: string; readonly scores: Float64Array }[];
}

/** Runs the phases of the plugins of one profile. */
export class Framework {
  readonly plugins: readonly Plugin[];
  /** Plugins that read more of a pod than its template. */
  readonly shaping: readonly Plugin[];
  readonly #preEnqueue: readonly PreEnqueuePlugin[];
  readonly #queueSort: QueueSortPlugin | undefined;
  readonly #preFilter: readonly PreFilterPlugin[];
  /** Those whose prepared state depends on the pods of nodes. */
  readonly #stateful: readonly PreFilterPlugin[];
  readonly #filter: readonly FilterPlugin[];
  readonly #postFilter: readonly PostFilterPlugin[];
  readonly #preScore: readonly PreScorePlugin[];
  readonly #score: readonly Scorer[];
  readonly #reserve: readonly ReservePlugin[];
  readonly #permit: readonly PermitPlugin[];
  readonly #preBind: readonly PreBindPlugin[];
  readonly #bind: readonly BindPlugin[];
  readonly #postBind: readonly PostBindPlugin[];

  constructor(weighted: readonly WeightedPlugin[]) {
    this.plugins = weighted.map(({ plugin }) => plugin);
    this.shaping = this.plugins.filter((plugin) => plugin.shapeOf !== undefined);
    const taking = <T extends Plugin>(phase: Phase, implement: (plugin: Plugin) => plugin is T): T[] =>
      weighted.flatMap(({ plugin, phases }) => (phases?.has(phase) !== false && implement(plugin) ? [plugin] : []));
    this.#preEnqueue = taking('preEnqueue', implementsPreEnqueue);
    // There is one order of the queue: the last one named replaces the others.
    this.#queueSort = taking('queueSort', implementsQueueSort).at(-1);
    this.#preFilter = taking('preFilter', implementsPreFilter);
    this.#stateful = this.#preFilter.filter((plugin) => plugin.addPod !== undefined || plugin.removePod !== undefined);
    // What reads one node only is asked first: it is cheap, and its answers are kept.
    const filters = taking('filter', implementsFilter);
    this.#filter = [...filters.filter(readsNode), ...filters.filter((plugin) => !readsNode(plugin))];
    this.#postFilter = taking('postFilter', implementsPostFilter);
    this.#preScore = taking('preScore', implementsPreScore);
    this.#score = weighted.flatMap(({ plugin, weight = 1, phases }) =>
      phases?.has('score') !== false && implementsScore(plugin) && weight !== 0 ? [{ plugin, weight }] : [],
    );
    this.#reserve = taking('reserve', implementsReserve);
    this.#permit = taking('permit', implementsPermit);
    this.#preBind = taking('preBind', implementsPreBind);
    this.#bind = taking('bind', implementsBind);
    this.#postBind = taking('postBind', implementsPostBind);
  }

  /** The gate that keeps the pod out of the queue; the first closed one speaks. */
  gateOf(pod: PodInfo, now: number): Gate | undefined {
    for (const plugin of this.#preEnqueue) {
      const gate = plugin.preEnqueue(pod, now);
      if (gate !== undefined) return gate;
    }
    return undefined;
  }

  /** The plugin that orders the queue; undefined: the order is that of arrival. */
  get queueSort(): string | undefined {
    return this.#queueSort?.name;
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

  /** With the promised pods, and without them: they may never come, and what is needed of them would be missing. */
  #filterBeside(
    cycle: Cycle,
    node: NodeInfo,
    filters: readonly FilterPlugin[],
    promised: readonly PodInfo[],
  ): Rejection | undefined {
    for (const pod of promised) this.addPod(cycle, pod, node);
    let rejection: Rejection | undefined;
    try {
      rejection = runFilters(cycle, node, filters);
    } finally {
      for (const pod of promised) this.removePod(cycle, pod, node);
    }
    return rejection ?? runFilters(cycle, node, filters);
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

  /** What can be done for a pod that fits nowhere: the first remedy any plugin finds, else what each of them says. */
  postFilter(cycle: Cycle, impasse: Impasse): Remedy {
    const messages: string[] = [];
    const plugins: string[] = [];
    let retryAt = Infinity;
    for (const plugin of this.#postFilter) {
      const remedy = plugin.postFilter(cycle, impasse);
      if (remedy.type !== 'None') return remedy;
      if (remedy.message !== '') messages.push(remedy.message);
      retryAt = Math.min(retryAt, remedy.retryAt ?? Infinity);
      plugins.push(...(remedy.plugins ?? []));
    }
    const message = messages.join(' ');
    return { type: 'None', message, plugins, ...(retryAt === Infinity ? {} : { retryAt }) };
  }

  /** The scoring plugins that have something to say about this pod; `nodes` are those that can take it, where known. */
  scorersOf(cycle: Cycle, nodes: readonly NodeInfo[] = NO_NODES): readonly Scorer[] {
    let skipped: Set<string> | undefined;
    for (const plugin of this.#preScore) {
      if (plugin.preScore(cycle, readsNode(plugin) ? NO_NODES : nodes) !== 'skip') continue;
      skipped ??= new Set();
      skipped.add(plugin.name);
    }
    return skipped === undefined ? this.#score : this.#score.filter(({ plugin }) => skipped?.has(plugin.name) !== true);
  }

  score(cycle: Cycle, nodes: readonly NodeInfo[]): Scores {
    const totals = new Float64Array(nodes.length);
    const byPlugin: { name: string; scores: Float64Array }[] = [];
    for (const scorer of this.scorersOf(cycle, nodes)) {
      const scores = this.scoresOf(cycle, scorer, nodes);
      for (let index = 0; index < nodes.length; index++) totals[index] = (totals[index] ?? 0) + (scores[index] ?? 0);
      byPlugin.push({ name: scorer.plugin.name, scores });
    }
    return { totals, byPlugin };
  }

  /** Weighed scores of one plugin, put into `scores`, which is all zeros. */
  scoresOf(
    cycle: Cycle,
    { plugin, weight }: Scorer,
    nodes: readonly NodeInfo[],
    scores: Float64Array = new Float64Array(nodes.length),
  ): Float64Array {
    if (plugin.scoreAll !== undefined) plugin.scoreAll(cycle, nodes, scores);
    else {
      for (let index = 0; index < nodes.length; index++) {
        const node = nodes[index];
        if (node !== undefined) scores[index] = plugin.score(cycle, node);
      }
    }
    if (plugin.scale !== undefined) scaleAll(cycle, plugin, scores);
    else plugin.normalize?.(cycle, scores);
    if (weight !== 1) for (let index = 0; index < scores.length; index++) scores[index] = (scores[index] ?? 0) * weight;
    return scores;
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

  /** One rejection outweighs all; else the pod waits for everybody who asked it to. */
  permit(cycle: Cycle, node: NodeInfo): Permit {
    const waits = new Map<string, number>();
    for (const plugin of this.#permit) {
      const answer = plugin.permit(cycle, node);
      if (answer === 'allow') continue;
      if ('wait' in answer) waits.set(plugin.name, cycle.now + answer.wait.timeoutMilliseconds);
      else return answer;
    }
    return waits.size === 0 ? 'allow' : { waits };
  }

  /** What has to be written before the bind, in order. */
  preBind(cycle: Cycle, node: NodeInfo): readonly PreBindStep[] | Rejection {
    const steps: PreBindStep[] = [];
    for (const plugin of this.#preBind) {
      const answer = plugin.preBind(cycle, node);
      if ('reasons' in answer) return answer;
      steps.push(...answer);
    }
    return steps;
  }

  /** The plugin whose way of binding is used; undefined: the API's binding. */
  binderOf(cycle: Cycle, node: NodeInfo): string | undefined {
    return this.#bind.find((plugin) => plugin.bind(cycle, node) === 'bind')?.name;
  }

  postBind(pod: PodInfo, nodeName: string): void {
    for (const plugin of this.#postBind) plugin.postBind(pod, nodeName);
  }
}

const NO_NODES: readonly NodeInfo[] = [];

export const readsNode = ({ reads }: Plugin): boolean => reads === 'node' || reads === 'room';

function scaleAll(cycle: Cycle, plugin: ScorePlugin, scores: Float64Array): void {
  const range = { lowest: Infinity, highest: -Infinity };
  for (const score of scores) {
    if (score < range.lowest) range.lowest = score;
    if (score > range.highest) range.highest = score;
  }
  for (let index = 0; index < scores.length; index++) {
    scores[index] = plugin.scale?.(scores[index] ?? 0, range, cycle) ?? 0;
  }
}

function runFilters(cycle: Cycle, node: NodeInfo, filters: readonly FilterPlugin[]): Rejection | undefined {
  for (const plugin of filters) {
    const rejection = plugin.filter(cycle, node);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
}
