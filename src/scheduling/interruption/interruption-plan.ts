import type { Explanation, VictimCosts } from '../contract.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { type PlanRank, shifted } from './plan-order.ts';
import { costOf, type UnitMember, type VictimUnit } from './victim-unit.ts';

/** Room for a pod on one node, and what it takes. */
export interface InterruptionPlan extends PlanRank {
  readonly node: NodeInfo;
  readonly victims: readonly UnitMember[];
  /** Pods on their way out whose room the plan counts on. */
  readonly leaving: readonly PodInfo[];
  readonly leavingUntil: number;
}

/** A victim set with its place in the order of preference. */
export function makePlan(
  survey: Pick<InterruptionPlan, 'node' | 'leaving' | 'leavingUntil'>,
  units: readonly VictimUnit[],
  { violating }: { violating: ReadonlySet<string> },
): InterruptionPlan {
  const { node, leaving, leavingUntil } = survey;
  return {
    ...rankOf(units, violating, node.name),
    node,
    victims: units.flatMap(({ members }) => members),
    leaving,
    leavingUntil,
  };
}

/** How good a plan by these victims is. Every part only gets worse as units are added. */
export function rankOf(units: readonly VictimUnit[], violating: ReadonlySet<string>, nodeName: string): PlanRank {
  let pdbViolations = 0;
  let highestVictimPriority = -Infinity;
  let earliestStart = Infinity;
  let prioritySum = 0;
  let victimCount = 0;
  for (const { members, priority, startedAt } of units) {
    if (violating.size > 0) for (const { pod } of members) if (violating.has(pod.uid)) pdbViolations += 1;
    victimCount += members.length;
    prioritySum += shifted(priority) * members.length;
    if (priority > highestVictimPriority) {
      highestVictimPriority = priority;
      earliestStart = startedAt;
    } else if (priority === highestVictimPriority) {
      earliestStart = Math.min(earliestStart, startedAt);
    }
  }
  const cost = costOf(units);
  return { pdbViolations, highestVictimPriority, cost, prioritySum, victimCount, earliestStart, nodeName };
}

/** A plan with the numbers behind it. */
export interface ExplainedPlan extends InterruptionPlan {
  readonly victims: readonly (UnitMember & { readonly costs: VictimCosts })[];
}

export function explainPlan(plan: ExplainedPlan): Explanation['plans'][number] {
  return {
    node: plan.node.name,
    pdbViolations: plan.pdbViolations,
    highestVictimPriority: plan.victims.length === 0 ? 0 : plan.highestVictimPriority,
    cost: rounded(plan.cost),
    victims: plan.victims.map(({ pod, action, costs, group }) => ({
      pod: pod.key,
      priority: pod.priority,
      action,
      ...(group === undefined ? {} : { group }),
      costs: roundedCosts(costs),
    })),
  };
}

export function roundedCosts(costs: VictimCosts): VictimCosts {
  const copy = { ...costs };
  for (const name of ['checkpoint', 'terminate', 'wait', 'dumpSeconds', 'restoreSeconds'] as const) {
    const value = copy[name];
    if (value !== undefined) copy[name] = rounded(value);
  }
  return copy;
}

/** Three decimals: milliseconds of a whole node. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
