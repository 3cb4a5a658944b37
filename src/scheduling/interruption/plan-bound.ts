import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Budgets } from './budgets.ts';
import type { PlanGroups } from './plan-groups.ts';
import { type PlanRank, shifted } from './plan-order.ts';
import { terminationCost } from './termination.ts';
import type { LeavingPod, NodeVictims } from './victim-index.ts';

/** A bound is summed in another order than what it bounds where groups or fractions enter: rounding must not lift it above. */
const ROUNDING = 1 - 1e-9;

export interface PlanBoundContext {
  readonly preemptor: PodInfo;
  readonly now: number;
  readonly budgets: Budgets;
  readonly groups: PlanGroups;
  /** Whether NodeResourcesFit is among the filters: else nothing is known of what must go. */
  readonly resourcesCount: boolean;
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
 * either order of plans. A node whose bound is worse than plans in hand need not be tried.
 */
export class PlanBounds {
  readonly #context: PlanBoundContext;
  /** Of the possible victims, by rising priority. */
  #pods: PodInfo[] = [];
  #priority: number[] = [];
  #startedAt: number[] = [];
  /** Node-seconds as if dumped alone; what each further dump adds; whether it is dumped. */
  #cost: number[] = [];
  #furtherDump: number[] = [];
  #dumped: boolean[] = [];
  /** What is still needed, and which resource that is. */
  #deficits: number[] = [];
  #resources: number[] = [];

  constructor(context: PlanBoundContext) {
    this.#context = context;
  }

  of(node: NodeInfo, offered: NodeVictims): PlanRank | Shortage {
    const counted = this.#measureDeficits(node, offered);
    this.#collect(node, offered);
    const needed = this.#deficits.length > 0;
    // Turned down for another reason than room, with nobody leaving: somebody has to go.
    if (!needed && counted > 0) return rank(node, 0, -Infinity, 0, 0, 0, Infinity);
    const lacking = this.#lacking();
    if (lacking.length > 0 || this.#pods.length === 0) return { lacking };
    const level = this.#lowestLevel();
    const highest = this.#priority[level] ?? 0;
    let among = level + 1;
    while (among < this.#pods.length && this.#priority[among] === highest) among += 1;
    const victims = this.#fewestOf(among);
    let prioritySum = shifted(highest);
    for (let index = 0; index < victims - 1; index++) prioritySum += shifted(this.#priority[index] ?? 0);
    let latestStart = -Infinity;
    for (let index = among - 1; index >= 0 && this.#priority[index] === highest; index--) {
      latestStart = Math.max(latestStart, this.#startedAt[index] ?? 0);
    }
    return rank(node, this.#violations(), highest, this.#leastCost(among, victims), prioritySum, victims, latestStart);
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

  #collect(node: NodeInfo, { victims }: NodeVictims): void {
    const { preemptor, now, groups } = this.#context;
    this.#pods.length = 0;
    let sorted = true;
    for (const victim of victims) {
      const { pod, permission, checkpointCost, perFurtherDump } = victim;
      if (pod.priority >= preemptor.priority) break;
      const group = groups.of(pod);
      if (group === undefined) continue;
      const at = this.#pods.length;
      this.#pods.push(pod);
      if (group === 'alone') {
        const terminate = permission.terminate ? terminationCost(victim, now) : Infinity;
        const dumped = checkpointCost <= terminate;
        this.#priority[at] = pod.priority;
        this.#startedAt[at] = pod.startedAt;
        this.#cost[at] = dumped ? checkpointCost : terminate;
        this.#furtherDump[at] = dumped ? perFurtherDump : 0;
        this.#dumped[at] = dumped;
      } else {
        let here = 0;
        for (const member of group.members) if (member.node === node) here += 1;
        this.#priority[at] = group.priority;
        this.#startedAt[at] = group.startedAt;
        // Whoever takes one of them pays for all.
        this.#cost[at] = (group.cost / here) * ROUNDING;
        this.#furtherDump[at] = 0;
        this.#dumped[at] = false;
        sorted = false;
      }
    }
    if (!sorted) this.#sort();
  }

  #sort(): void {
    const order = this.#pods
      .map((_, index) => index)
      .sort((one, other) => at(this.#priority, one) - at(this.#priority, other));
    const pods = [...this.#pods];
    this.#pods = order.flatMap((index) => pods[index] ?? []);
    this.#priority = order.map((index) => at(this.#priority, index));
    this.#startedAt = order.map((index) => at(this.#startedAt, index));
    this.#cost = order.map((index) => at(this.#cost, index));
    this.#furtherDump = order.map((index) => at(this.#furtherDump, index));
    this.#dumped = order.map((index) => this.#dumped[index] === true);
  }

  #lacking(): number[] {
    const lacking: number[] = [];
    for (let need = 0; need < this.#deficits.length; need++) {
      let left = at(this.#deficits, need);
      const resource = at(this.#resources, need);
      for (let index = 0; index < this.#pods.length && left > 0; index++) left -= this.#request(index, resource);
      if (left > 0) lacking.push(resource);
    }
    return lacking;
  }

  /** Index of the victim at which, taken by rising priority, there is room: no set without its priority suffices. */
  #lowestLevel(): number {
    let level = 0;
    for (let need = 0; need < this.#deficits.length; need++) {
      let left = at(this.#deficits, need);
      const resource = at(this.#resources, need);
      let index = 0;
      for (; index < this.#pods.length; index++) {
        left -= this.#request(index, resource);
        if (left <= 0) break;
      }
      level = Math.max(level, index);
    }
    return level;
  }

  /** How many of the first `among` must go at least: the largest first, resource by resource. */
  #fewestOf(among: number): number {
    let fewest = 1;
    for (let need = 0; need < this.#deficits.length; need++) {
      const resource = at(this.#resources, need);
      fewest = Math.max(
        fewest,
        this.#countToCover(at(this.#deficits, need), resource, (index) => index < among),
      );
    }
    return fewest;
  }

  #countToCover(deficit: number, resource: number, concerns: (index: number) => boolean): number {
    const sizes: number[] = [];
    let alike = true;
    for (let index = 0; index < this.#pods.length; index++) {
      if (!concerns(index)) continue;
      const size = this.#request(index, resource);
      if (sizes.length > 0 && size !== sizes[0]) alike = false;
      sizes.push(size);
    }
    if (!alike) sizes.sort((one, other) => other - one);
    let left = deficit;
    let count = 0;
    for (; count < sizes.length && left > 0; count++) left -= sizes[count] ?? 0;
    return count;
  }

  /** How many beyond their budget must go at least, all others having gone. */
  #violations(): number {
    const { budgets } = this.#context;
    if (budgets.isEmpty) return 0;
    const beyond = this.#pods.map((pod) => budgets.isExhaustedFor(pod));
    if (this.#deficits.length === 0) return beyond.every((is) => is) ? 1 : 0;
    let most = 0;
    for (let need = 0; need < this.#deficits.length; need++) {
      const resource = at(this.#resources, need);
      let left = at(this.#deficits, need);
      for (let index = 0; index < this.#pods.length; index++) {
        if (beyond[index] !== true) left -= this.#request(index, resource);
      }
      if (left > 0)
        most = Math.max(
          most,
          this.#countToCover(left, resource, (index) => beyond[index] === true),
        );
    }
    return most;
  }

  /** What at least `victims` of the first `among` cost: the cheapest so many, and per resource the cheapest by the amount. */
  #leastCost(among: number, victims: number): number {
    let terminated = 0;
    for (let index = 0; index < among; index++) if (this.#dumped[index] !== true) terminated += 1;
    const furtherDumps = Math.max(0, victims - terminated - 1);
    const terms: number[] = [];
    let alike = true;
    for (let index = 0; index < among; index++) {
      const term = at(this.#cost, index) + at(this.#furtherDump, index) * furtherDumps;
      if (terms.length > 0 && term !== terms[0]) alike = false;
      terms.push(term);
    }
    if (alike) {
      let cost = 0;
      for (let index = 0; index < victims; index++) cost += terms[0] ?? 0;
      return cost;
    }
    let cost = 0;
    const cheapest = [...terms].sort((one, other) => one - other);
    for (let index = 0; index < victims; index++) cost += cheapest[index] ?? 0;
    for (let need = 0; need < this.#deficits.length; need++) {
      cost = Math.max(
        cost,
        this.#fractionalCost(terms, at(this.#deficits, need), at(this.#resources, need)) * ROUNDING,
      );
    }
    return cost;
  }

  /** The continuous knapsack: the cheapest way to free the amount if victims could be cut to size. */
  #fractionalCost(terms: readonly number[], deficit: number, resource: number): number {
    const order = terms
      .map((term, index) => ({ term, size: this.#request(index, resource) }))
      .filter(({ size }) => size > 0)
      .sort((one, other) => one.term * other.size - other.term * one.size);
    let left = deficit;
    let cost = 0;
    for (const { term, size } of order) {
      if (left <= 0) break;
      cost += size <= left ? term : (term * left) / size;
      left -= size;
    }
    return cost;
  }

  #request(index: number, resource: number): number {
    return this.#pods[index]?.requests[resource] ?? 0;
  }
}

function at(numbers: readonly number[], index: number): number {
  return numbers[index] ?? 0;
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
