import { EXPLAINED_ENTRIES } from '../constants.ts';
import type { Explanation } from '../contract.ts';
import type { Cluster } from '../snapshot/cluster.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { Cycle } from './cycle.ts';
import { countReasons } from './fit-error.ts';
import { type Framework, readsNode, type Scorer } from './framework.ts';
import { NodeTable } from './node-table.ts';
import { nodesToFind, Walk } from './node-walk.ts';
import type { FilterPlugin, Rejection } from './phases.ts';

/** The node to take, with what an explanation says of it. */
export interface Choice {
  readonly node: NodeInfo;
  /** How many nodes can take the pod; undefined: not all were asked, for the best came first. */
  readonly feasible: number | undefined;
  readonly filtered: Record<string, number>;
  readonly scores: Explanation['scores'];
}

/** No node can take the pod; why, by position among the cluster's nodes. */
export interface NoChoice {
  readonly rejections: readonly (Rejection | undefined)[];
}

export interface NodeChooserOptions {
  /** Breaks ties between equally good nodes; without it the first by name is taken. */
  readonly random?: (() => number) | undefined;
  /** How many verdicts, one per node and shape of pod, are kept; 0: all plugins are asked about all nodes each time. */
  readonly keptVerdicts?: number | undefined;
  /** Whether a choice says what kept other nodes out, and how the best scored. Default true. */
  readonly explains?: boolean | undefined;
  /** Kube-scheduler's `percentageOfNodesToScore`; undefined: all nodes, none overlooked. 0: by cluster size. */
  readonly percentageOfNodesToScore?: number | undefined;
}

/** 100 shapes of 5,000 nodes; some 70 bytes each. */
const KEPT_VERDICTS = 500_000;
/** Best nodes turned down by plugins that read the whole cluster before all nodes are gone through once instead. */
const MOST_TRIED = 32;

/**
 * Finds the best node for a pod. Plugins that read one node only are asked through {@link NodeTable}s, kept per shape of
 * pod. The others are asked about the best nodes first until one can take the pod; only when they score too are they asked
 * about all.
 */
export class NodeChooser {
  readonly #framework: Framework;
  readonly #cluster: Cluster;
  readonly #random: (() => number) | undefined;
  readonly #keptVerdicts: number;
  readonly #explains: boolean;
  readonly #percentage: number | undefined;
  readonly #walk: Walk;
  readonly #buffers: Float64Array[] = [];
  /** The most recently used last. */
  readonly #tables = new Map<string, NodeTable>();

  constructor(
    framework: Framework,
    cluster: Cluster,
    { random, keptVerdicts = KEPT_VERDICTS, explains = true, percentageOfNodesToScore }: NodeChooserOptions,
  ) {
    this.#framework = framework;
    this.#cluster = cluster;
    this.#random = random;
    this.#keptVerdicts = keptVerdicts;
    this.#explains = explains;
    this.#percentage = percentageOfNodesToScore;
    this.#walk = new Walk(framework, random);
  }

  /** `filters`: those with something to say about the pod; PreFilter has run. */
  choose(cycle: Cycle, filters: readonly FilterPlugin[]): Choice | NoChoice {
    const { nodes } = this.#cluster;
    if (cycle.onlyNodes !== undefined) return this.#amongNamed(cycle, filters, cycle.onlyNodes);
    if (this.#percentage !== undefined && this.#percentage < 100) {
      return this.#walk.some(cycle, filters, nodes, nodesToFind(this.#percentage, nodes.length));
    }
    if (this.#keptVerdicts === 0) return this.#walk.all(cycle, filters, nodes);
    const local = filters.filter(readsNode);
    const wide = filters.filter((plugin) => !readsNode(plugin));
    const scorers = this.#framework.scorersOf(cycle);
    const localScorers = scorers.filter(isOneNode);
    const table = this.#tableFor(cycle, local, localScorers);
    table.refresh(cycle, { filters: local, scorers: localScorers });
    const choice = this.#byTable(cycle, table, wide, scorers.length > localScorers.length);
    return 'node' in choice ? choice : this.#withoutOwnPromise(cycle, filters, choice);
  }

  #byTable(cycle: Cycle, table: NodeTable, wide: readonly FilterPlugin[], wideScorers: boolean): Choice | NoChoice {
    if (table.feasible === 0) return { rejections: table.verdicts.slice() };
    if (!wideScorers && (wide.length === 0 || table.isScaleSettled)) {
      return this.#bestFirst(cycle, table, wide) ?? this.#bestOfAll(cycle, table, wide);
    }
    return this.#amongFeasible(cycle, table, wide);
  }

  /** To the table every promised pod takes room; to the pod itself its own promise does not. */
  #withoutOwnPromise(cycle: Cycle, filters: readonly FilterPlugin[], { rejections }: NoChoice): NoChoice {
    const own = this.#cluster.nominationOf(cycle.pod.uid);
    const node = own === undefined ? undefined : this.#cluster.node(own);
    if (node === undefined) return { rejections };
    return { rejections: rejections.with(node.position, this.#framework.filter(cycle, node, filters)) };
  }

  #tableFor(cycle: Cycle, filters: readonly FilterPlugin[], scorers: readonly Scorer[]): NodeTable {
    const { pod } = cycle;
    // Pods of other priorities see other promises of room; who is skipped follows from the shape.
    let key = `${pod.template.shape} ${pod.priority} ${filters.length} ${scorers.length}`;
    for (const plugin of this.#framework.shaping) key += ` ${plugin.shapeOf?.(pod) ?? ''}`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      const most = Math.max(1, Math.floor(this.#keptVerdicts / Math.max(1, this.#cluster.nodes.length)));
      for (const [oldest, unused] of this.#tables) {
        if (this.#tables.size < most) break;
        this.#tables.delete(oldest);
        table = unused.recycle();
      }
      table ??= new NodeTable(this.#framework, this.#cluster);
    } else {
      this.#tables.delete(key);
    }
    this.#tables.set(key, table);
    return table;
  }

  /** Takes the best node that the wide filters let through; undefined: too many were turned down to go on so. */
  #bestFirst(cycle: Cycle, table: NodeTable, wide: readonly FilterPlugin[]): Choice | undefined {
    const { tree } = table;
    const turnedDown: { position: number; total: number; rejection: Rejection }[] = [];
    const chance = this.#random === undefined ? 0 : this.#random();
    let found: number | undefined;
    const most = Math.min(MOST_TRIED, Math.ceil(table.feasible / 4));
    while (tree.largest > -Infinity && turnedDown.length < most) {
      const position = tree.best(Math.floor(chance * tree.equals));
      const node = table.nodes[position];
      const rejection = node === undefined || wide.length === 0 ? undefined : this.#framework.filter(cycle, node, wide);
      if (rejection === undefined) {
        found = position;
        break;
      }
      turnedDown.push({ position, total: tree.at(position), rejection });
      tree.set(position, -Infinity);
    }
    const choice = found === undefined ? undefined : this.#choiceAt(cycle, table, found, wide, turnedDown);
    for (const { position, total } of turnedDown) tree.set(position, total);
    return choice;
  }

  /** As {@link #bestFirst} in one pass: the wide filters are asked only about nodes better than the best so far. */
  #bestOfAll(cycle: Cycle, table: NodeTable, wide: readonly FilterPlugin[]): Choice | NoChoice {
    const { nodes, positions } = table.feasibleNodes;
    const rejections: Rejection[] = [];
    let found: number | undefined;
    let best = -Infinity;
    let equals = 0;
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index];
      const position = positions[index] ?? 0;
      const total = table.tree.at(position);
      if (node === undefined || total < best || (total === best && this.#random === undefined)) continue;
      const rejection = this.#framework.filter(cycle, node, wide);
      if (rejection !== undefined) {
        rejections.push(rejection);
        continue;
      }
      equals = total === best ? equals + 1 : 1;
      best = total;
      // Each of the equals is as likely (reservoir).
      if (equals === 1 || (this.#random?.() ?? 1) * equals < 1) found = position;
    }
    const choice =
      found === undefined
        ? undefined
        : this.#choiceAt(
            cycle,
            table,
            found,
            wide,
            rejections.map((rejection) => ({ rejection })),
          );
    return choice ?? this.#amongFeasible(cycle, table, wide);
  }

  #choiceAt(
    cycle: Cycle,
    table: NodeTable,
    found: number,
    wide: readonly FilterPlugin[],
    turnedDown: readonly { readonly rejection: Rejection }[],
  ): Choice | undefined {
    const node = table.nodes[found];
    if (node === undefined) return undefined;
    const feasible = wide.length === 0 ? table.feasible : undefined;
    if (!this.#explains) return { node, feasible, filtered: {}, scores: [] };
    const filtered = reasonsOf(table);
    for (const { rejection } of turnedDown) {
      for (const reason of rejection.reasons) filtered[reason] = (filtered[reason] ?? 0) + 1;
    }
    // What the wide filters say of the runners-up was never asked, so that they are not shown.
    const shown = wide.length > 0 ? [found] : table.tree.top(EXPLAINED_ENTRIES).filter((other) => other !== found);
    if (wide.length === 0) shown.unshift(found);
    const scores = shown.slice(0, EXPLAINED_ENTRIES).map((position) => ({
      node: table.nodes[position]?.name ?? '',
      total: table.tree.at(position),
      byPlugin: table.scoresOf(cycle, position),
    }));
    return { node, feasible, filtered, scores };
  }

  /** Asks the wide plugins about every node that the others let through. */
  #amongFeasible(cycle: Cycle, table: NodeTable, wide: readonly FilterPlugin[]): Choice | NoChoice {
    let { nodes, positions } = table.feasibleNodes;
    let filtered = reasonsOf(table);
    if (wide.length > 0) {
      const rejections = nodes.map((node) => this.#framework.filter(cycle, node, wide));
      if (!rejections.includes(undefined)) {
        const all = table.verdicts.slice();
        positions.forEach((position, index) => {
          all[position] = rejections[index];
        });
        return { rejections: all };
      }
      for (const [reason, count] of countReasons(rejections)) {
        filtered = { ...filtered, [reason]: (filtered[reason] ?? 0) + count };
      }
      nodes = nodes.filter((_, index) => rejections[index] === undefined);
      positions = positions.filter((_, index) => rejections[index] === undefined);
    }
    // Scores of one-node plugins are in the table, unless they are to be scaled by other extremes than the table's.
    const isScaled = wide.length === 0 || table.isScaleSettled;
    const totals = this.#zeros(0, nodes.length);
    if (isScaled) table.tree.read(positions, totals);
    else for (let index = 0; index < totals.length; index++) totals[index] = table.base[positions[index] ?? 0] ?? 0;
    const columns: { name: string; scores: Float64Array }[] = [];
    for (const scorer of this.#framework.scorersOf(cycle, nodes)) {
      if (isOneNode(scorer) && (isScaled || scorer.plugin.scale === undefined)) continue;
      const scores = this.#framework.scoresOf(cycle, scorer, nodes, this.#zeros(columns.length + 1, nodes.length));
      for (let index = 0; index < totals.length; index++) totals[index] = (totals[index] ?? 0) + (scores[index] ?? 0);
      columns.push({ name: scorer.plugin.name, scores });
    }
    const fixed = (index: number) => table.scoresOf(cycle, positions[index] ?? 0, isScaled ? undefined : table.scaled);
    return this.#walk.pick(nodes, totals, columns, { filtered, fixed });
  }

  /** Scores last no longer than the choice: their arrays are used again for the next pod. */
  #zeros(number: number, length: number): Float64Array {
    let buffer = this.#buffers[number];
    if (buffer === undefined || buffer.length < length) {
      buffer = new Float64Array(length);
      this.#buffers[number] = buffer;
    }
    return buffer.subarray(0, length).fill(0);
  }

  /** Only some nodes come into question (DaemonSet pods name theirs): the others are not even looked at. */
  #amongNamed(
    cycle: Cycle,
    filters: readonly FilterPlugin[],
    { names, plugins }: NonNullable<Cycle['onlyNodes']>,
  ): Choice | NoChoice {
    const named = [...new Set(names)].sort().flatMap((name) => this.#cluster.node(name) ?? []);
    const choice = this.#walk.all(cycle, filters, named);
    if ('node' in choice) return choice;
    const { nodes } = this.#cluster;
    const others: Rejection = {
      plugin: plugins[0] ?? '',
      reasons: [`node(s) didn't satisfy plugin(s) [${plugins.join(' ')}]`],
      resolvable: false,
    };
    const rejections = new Array<Rejection | undefined>(nodes.length).fill(others);
    this.#cluster.settledNodes();
    named.forEach((node, index) => {
      rejections[node.position] = choice.rejections[index];
    });
    return { rejections };
  }
}

/** Whether the scores can be kept: scaled by extremes, if at all. */
function isOneNode({ plugin }: Scorer): boolean {
  return readsNode(plugin) && plugin.normalize === undefined;
}

function reasonsOf({ counts }: NodeTable): Record<string, number> {
  const reasons: Record<string, number> = {};
  for (const [rejection, count] of counts) {
    for (const reason of rejection.reasons) reasons[reason] = (reasons[reason] ?? 0) + count;
  }
  return reasons;
}
