import { EXPLAINED_ENTRIES } from '../constants.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { Cycle } from './cycle.ts';
import { countReasons } from './fit-error.ts';
import type { Framework } from './framework.ts';
import type { Choice, NoChoice } from './node-choice.ts';
import type { FilterPlugin, Rejection } from './phases.ts';

/** Fewest nodes that sampling looks for (kube-scheduler's `minFeasibleNodesToFind`). */
const MIN_FEASIBLE_NODES = 100;
/** Percentage under which adaptive sampling never goes. */
const MIN_PERCENTAGE = 5;

/** How many feasible nodes are enough (`numFeasibleNodesToFind`). 0: adaptive, 50 % less 1 % for each 125 nodes. */
export function nodesToFind(percentage: number, nodes: number): number {
  if (nodes < MIN_FEASIBLE_NODES || percentage >= 100) return nodes;
  const share = percentage > 0 ? percentage : Math.max(MIN_PERCENTAGE, 50 - Math.trunc(nodes / 125));
  return Math.max(MIN_FEASIBLE_NODES, Math.trunc((nodes * share) / 100));
}

interface Column {
  readonly name: string;
  readonly scores: Float64Array;
}

/** Asks every plugin about one node after the other, remembering nothing from pod to pod but where it stopped. */
export class Walk {
  readonly #framework: Framework;
  readonly #random: (() => number) | undefined;
  #start = 0;

  constructor(framework: Framework, random: (() => number) | undefined) {
    this.#framework = framework;
    this.#random = random;
  }

  all(cycle: Cycle, filters: readonly FilterPlugin[], nodes: readonly NodeInfo[]): Choice | NoChoice {
    const feasible: NodeInfo[] = [];
    const rejections = new Array<Rejection | undefined>(nodes.length);
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index];
      if (node === undefined) continue;
      rejections[index] = this.#framework.filter(cycle, node, filters);
      if (rejections[index] === undefined) feasible.push(node);
    }
    return this.#best(cycle, feasible, rejections);
  }

  /** Stops at `enough` feasible nodes, and goes on from there for the next pod, as kube-scheduler samples. */
  some(cycle: Cycle, filters: readonly FilterPlugin[], nodes: readonly NodeInfo[], enough: number): Choice | NoChoice {
    const feasible: NodeInfo[] = [];
    const rejections = new Array<Rejection | undefined>(nodes.length);
    let asked = 0;
    for (; asked < nodes.length && feasible.length < enough; asked++) {
      const index = (this.#start + asked) % nodes.length;
      const node = nodes[index];
      if (node === undefined) continue;
      rejections[index] = this.#framework.filter(cycle, node, filters);
      if (rejections[index] === undefined) feasible.push(node);
    }
    this.#start = nodes.length === 0 ? 0 : (this.#start + asked) % nodes.length;
    feasible.sort((one, other) => (one.name < other.name ? -1 : 1));
    return this.#best(cycle, feasible, rejections);
  }

  /** The best by the totals; `fixed` tells the scores that are in the totals but in no column. */
  pick(
    nodes: readonly NodeInfo[],
    totals: Float64Array,
    columns: readonly Column[],
    rest: { filtered: Record<string, number>; fixed?: (index: number) => Record<string, number> },
  ): Choice | NoChoice {
    const best = this.#bestOf(totals);
    const node = nodes[best];
    if (node === undefined) return { rejections: [] };
    const scores = topOf(totals, best).map((index) => ({
      node: nodes[index]?.name ?? '',
      total: totals[index] ?? 0,
      byPlugin: {
        ...rest.fixed?.(index),
        ...Object.fromEntries(columns.map(({ name, scores: column }) => [name, column[index] ?? 0])),
      },
    }));
    return { node, feasible: nodes.length, filtered: rest.filtered, scores };
  }

  #best(
    cycle: Cycle,
    feasible: readonly NodeInfo[],
    rejections: readonly (Rejection | undefined)[],
  ): Choice | NoChoice {
    if (feasible.length === 0) return { rejections };
    const filtered = Object.fromEntries(countReasons(rejections));
    const [only] = feasible;
    if (only !== undefined && feasible.length === 1) {
      return { node: only, feasible: 1, filtered, scores: [{ node: only.name, total: 0, byPlugin: {} }] };
    }
    const { totals, byPlugin } = this.#framework.score(cycle, feasible);
    return this.pick(feasible, totals, byPlugin, { filtered });
  }

  /** Index of the highest total; among equals by chance, or the first. */
  #bestOf(totals: Float64Array): number {
    let best = 0;
    let equals = 0;
    for (let index = 0; index < totals.length; index++) {
      const difference = (totals[index] ?? 0) - (totals[best] ?? 0);
      if (difference > 0) {
        best = index;
        equals = 1;
      } else if (difference === 0) {
        equals += 1;
      }
    }
    if (this.#random === undefined) return best;
    let rank = Math.floor(this.#random() * equals);
    for (let index = best; index < totals.length; index++) {
      if (totals[index] === totals[best] && rank-- === 0) return index;
    }
    return best;
  }
}

/** The one taken, then the best of the others. */
function topOf(totals: Float64Array, chosen: number): number[] {
  const top: number[] = [];
  let least = -Infinity;
  for (let index = 0; index < totals.length; index++) {
    const total = totals[index] ?? 0;
    if (total <= least || index === chosen) continue;
    const place = top.findIndex((other) => (totals[other] ?? 0) < total);
    top.splice(place === -1 ? top.length : place, 0, index);
    if (top.length === EXPLAINED_ENTRIES) top.pop();
    if (top.length === EXPLAINED_ENTRIES - 1) least = totals[top.at(-1) ?? 0] ?? 0;
  }
  return [chosen, ...top];
}
