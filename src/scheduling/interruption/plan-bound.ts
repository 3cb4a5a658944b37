import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Budgets } from './budgets.ts';
import type { PlanGroups } from './plan-groups.ts';
import { type PlanRank, shifted } from './plan-order.ts';
import { terminationCost } from './termination.ts';
import type { LeavingPod, NodeVictims, PotentialVictim } from './victim-index.ts';
import { VictimTable } from './victim-table.ts';

/** A bound is summed in another order than what it bounds where groups or fractions enter: rounding must not lift it above. */
const ROUNDING = 1 - 1e-9;

export interface PlanBoundContext {
  readonly preemptor: PodInfo;
  readonly now: number;
  readonly budgets: Budgets;
  readonly groups: PlanGroups;
  /** Whether NodeResourcesFit is among the filters: else nothing is known of what must go. */
  readonly resourcesCount: boolean;
  /** Whether plans are compared by cost; else bounds say nothing of it, and do not depend on the time. */
  readonly costCounts: boolean;
}

/** Indexes of the resources of which the node has too little even with every possible victim gone. */
export interface Shortage {
  readonly lacking: readonly number[];
}

/** Whether the room of a pod on its way out can be counted on: unless it is overdue, or of an equal or better. */
export function isCountedOn({ pod, deadline }: LeavingPod, preemptor: PodInfo, now: number): boolean {
  return pod.priority < preemptor.priority && (deadline === undefined || deadline >= now);
}

/**
 * From numbers alone, how good a plan on a node could be at best: no victim set that makes room there ranks before it, in
 * either order of plans. A node whose bound is worse than plans in hand need not be tried. Costs, and with them bounds, only
 * grow with time, so that an old bound is still one.
 */
export class PlanBounds {
  readonly #context: PlanBoundContext;
  #victims: readonly PotentialVictim[] = [];
  #table = new VictimTable([]);
  /** How many rows of the table are of lower priority than the preemptor. */
  #rows = 0;
  /** What is still needed, and of which resource. */
  readonly #deficits: number[] = [];
  readonly #resources: number[] = [];
  readonly #scratch: number[] = [];

  constructor(context: PlanBoundContext) {
    this.#context = context;
  }

  of(node: NodeInfo, offered: NodeVictims): PlanRank | Shortage {
    const counted = this.#measureDeficits(node, offered);
    this.#take(node, offered);
    // Turned down for another reason than room, with nobody leaving: somebody has to go.
    if (this.#deficits.length === 0 && counted > 0) return rank(node, 0, -Infinity, 0, 0, 0, Infinity);
    const lacking = this.#lacking();
    if (lacking !== undefined || this.#rows === 0) return { lacking: lacking ?? [] };
    const highest = this.#table.priority(this.#lowestLevel());
    let below = 0;
    while (this.#table.priority(below) < highest) below += 1;
    let among = below;
    while (among < this.#rows && this.#table.priority(among) === highest) among += 1;
    const victims = this.#fewest(0, among, this.#deficits);
    let prioritySum = shifted(highest);
    for (let row = 0; row < victims - 1; row++) prioritySum += shifted(this.#table.priority(row));
    const cost = this.#context.costCounts ? this.#leastCost(among, victims) : 0;
    const latestStart = this.#latestStart(below, among);
    return rank(node, this.#violations(), highest, cost, prioritySum, victims, latestStart);
  }

  /** Of the victims of the highest priority so many must go that the longest-running of them started no later. */
  #latestStart(below: number, among: number): number {
    const left = this.#deficits.map((deficit, need) => {
      let open = deficit;
      for (let row = 0; row < below; row++) open -= this.#table.request(row, this.#resources[need] ?? 0);
      return open;
    });
    const count = this.#fewest(below, among, left);
    const starts: number[] = [];
    for (let row = below; row < among; row++) starts.push(this.#table.startedAt(row));
    starts.sort((one, other) => other - one);
    return starts[count - 1] ?? 0;
  }

  /** What the node lacks, promised room taken and room on its way counted on. Returns how many pods are counted on. */
  #measureDeficits(node: NodeInfo, { leaving }: NodeVictims): number {
    const { preemptor, now, resourcesCount } = this.#context;
    let counted = 0;
    for (const entry of leaving) if (isCountedOn(entry, preemptor, now)) counted += 1;
    this.#deficits.length = 0;
    this.#resources.length = 0;
    if (!resourcesCount) return counted;
    const { requests } = preemptor;
    for (let resource = 0; resource < requests.length; resource++) {
      const asked = requests[resource] ?? 0;
      if (asked <= 0) continue;
      let deficit = asked - (node.allocatable[resource] ?? 0) + (node.requested[resource] ?? 0);
      for (const other of node.nominated) {
        if (other.priority >= preemptor.priority && other.uid !== preemptor.uid && !node.pods.has(other.uid)) {
          deficit += other.requests[resource] ?? 0;
        }
      }
      if (counted > 0) {
        for (const entry of leaving) {
          if (isCountedOn(entry, preemptor, now)) deficit -= entry.pod.requests[resource] ?? 0;
        }
      }
      if (deficit <= 0) continue;
      this.#deficits.push(deficit);
      this.#resources.push(resource);
    }
    return counted;
  }

  #take(node: NodeInfo, { victims, table }: NodeVictims): void {
    const { preemptor, groups } = this.#context;
    const grouped = groups.isEmpty ? undefined : this.#withGroups(node, victims);
    this.#victims = grouped ?? victims;
    this.#table = grouped === undefined ? table : new VictimTable(grouped);
    this.#rows = 0;
    while (this.#rows < this.#table.length && this.#table.priority(this.#rows) < preemptor.priority) this.#rows += 1;
  }

  /** Members of groups at the price and priority of the whole; undefined when there are none on the node. */
  #withGroups(node: NodeInfo, victims: readonly PotentialVictim[]): readonly PotentialVictim[] | undefined {
    const { groups, now } = this.#context;
    if (victims.every(({ pod }) => groups.of(pod) === 'alone')) return undefined;
    const regarded: PotentialVictim[] = [];
    for (const victim of victims) {
      const group = groups.of(victim.pod);
      if (group === undefined) continue;
      if (group === 'alone') {
        regarded.push(victim);
        continue;
      }
      let here = 0;
      for (const member of group.members) if (member.node === node) here += 1;
      // Whoever takes one of them pays for all; a termination restarted just now, whose cost is that share.
      const checkpointCost = Infinity;
      const terminationShare = ((group.cost / here) * ROUNDING) / terminationCost(1, now, now);
      const { priority, startedAt } = group;
      regarded.push({
        ...victim,
        priority,
        startedAt,
        checkpointCost,
        perFurtherDump: 0,
        terminationShare,
        savedAt: now,
      });
    }
    return regarded.sort((one, other) => one.priority - other.priority);
  }

  #lacking(): number[] | undefined {
    let lacking: number[] | undefined;
    for (let need = 0; need < this.#deficits.length; need++) {
      let left = this.#deficits[need] ?? 0;
      const resource = this.#resources[need] ?? 0;
      for (let row = 0; row < this.#rows; row++) {
        left -= this.#table.request(row, resource);
        if (left <= 0) break; // speed
      }
      if (left <= 0) continue;
      lacking ??= [];
      lacking.push(resource);
    }
    return lacking;
  }

  /** The row at which, taken by rising priority, there is room: no set without its priority suffices. */
  #lowestLevel(): number {
    let level = 0;
    for (let need = 0; need < this.#deficits.length; need++) {
      let left = this.#deficits[need] ?? 0;
      const resource = this.#resources[need] ?? 0;
      let row = 0;
      for (; row < this.#rows; row++) {
        left -= this.#table.request(row, resource);
        if (left <= 0) break;
      }
      level = Math.max(level, row);
    }
    return level;
  }

  /** How many of those from `first` to before `end` must go at least: the largest first, resource by resource. */
  #fewest(first: number, end: number, deficits: readonly number[]): number {
    let fewest = 1;
    for (let need = 0; need < deficits.length; need++) {
      const deficit = deficits[need] ?? 0;
      if (deficit <= 0) continue; // speed
      const resource = this.#resources[need] ?? 0;
      this.#scratch.length = 0;
      for (let row = first; row < end; row++) this.#scratch.push(this.#table.request(row, resource));
      fewest = Math.max(fewest, countToCover(deficit, this.#scratch));
    }
    return fewest;
  }

  /** How many beyond their budget must go at least, all others having gone. */
  #violations(): number {
    const { budgets } = this.#context;
    if (budgets.isEmpty) return 0; // speed
    const beyond = this.#victims.map(({ pod }) => budgets.isExhaustedFor(pod));
    if (this.#deficits.length === 0) {
      for (let row = 0; row < this.#rows; row++) if (beyond[row] !== true) return 0;
      return 1;
    }
    let most = 0;
    for (let need = 0; need < this.#deficits.length; need++) {
      const resource = this.#resources[need] ?? 0;
      let left = this.#deficits[need] ?? 0;
      this.#scratch.length = 0;
      for (let row = 0; row < this.#rows; row++) {
        const size = this.#table.request(row, resource);
        if (beyond[row] === true) this.#scratch.push(size);
        else left -= size;
      }
      if (left > 0) most = Math.max(most, countToCover(left, this.#scratch));
    }
    return most;
  }

  /** What at least `victims` of the first `among` cost: the cheapest so many, and per resource the cheapest by the amount. */
  #leastCost(among: number, victims: number): number {
    const { now } = this.#context;
    const table = this.#table;
    let terminated = 0;
    for (let row = 0; row < among; row++) if (!isDumped(table, row, now)) terminated += 1;
    const furtherDumps = Math.max(0, victims - terminated - 1);
    const terms = this.#scratch;
    terms.length = 0;
    let alike = true; // speed
    for (let row = 0; row < among; row++) {
      const term = isDumped(table, row, now)
        ? table.checkpointCost(row) + table.perFurtherDump(row) * furtherDumps
        : terminationCost(table.terminationShare(row), table.savedAt(row), now);
      if (term !== terms[0] && terms.length > 0) alike = false; // speed
      terms.push(term);
    }
    let cost = 0;
    const cheapest = alike ? terms : terms.toSorted((one, other) => one - other);
    for (let index = 0; index < victims; index++) cost += cheapest[index] ?? 0;
    if (alike) return cost; // speed
    for (let need = 0; need < this.#deficits.length; need++) {
      const fractional = this.#fractionalCost(terms, this.#deficits[need] ?? 0, this.#resources[need] ?? 0);
      cost = Math.max(cost, fractional * ROUNDING);
    }
    return cost;
  }

  /** The continuous knapsack: the cheapest way to free the amount if victims could be cut to size. */
  #fractionalCost(terms: readonly number[], deficit: number, resource: number): number {
    const order: { term: number; size: number }[] = [];
    for (let row = 0; row < terms.length; row++) {
      const size = this.#table.request(row, resource);
      if (size > 0) order.push({ term: terms[row] ?? 0, size });
    }
    order.sort((one, other) => one.term * other.size - other.term * one.size);
    let left = deficit;
    let cost = 0;
    for (const { term, size } of order) {
      if (left <= 0) break; // speed
      cost += size <= left ? term : (term * left) / size;
      left = Math.max(0, left - size);
    }
    return cost;
  }
}

/** How many of the sizes, largest first, it takes to cover the deficit. Sorts them. */
function countToCover(deficit: number, sizes: number[]): number {
  let alike = true; // speed
  for (const size of sizes) if (size !== sizes[0]) alike = false;
  if (!alike) sizes.sort((one, other) => other - one);
  let left = deficit;
  let count = 0;
  for (; count < sizes.length && left > 0; count++) left -= sizes[count] ?? 0;
  return count;
}

function isDumped(table: VictimTable, row: number, now: number): boolean {
  const terminate = terminationCost(table.terminationShare(row), table.savedAt(row), now);
  return table.checkpointCost(row) <= terminate; // speed
}

function rank(
  node: NodeInfo,
  pdbViolations: number,
  highestVictimPriority: number,
  cost: number,
  prioritySum: number,
  victimCount: number,
  earliestStart: number,
): PlanRank {
  return { pdbViolations, highestVictimPriority, cost, prioritySum, victimCount, earliestStart, nodeName: node.name };
}
