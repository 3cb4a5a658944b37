import type { Explanation, VictimCosts } from '../contract.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { costOf, type UnitMember, type VictimUnit } from './victim-unit.ts';

/** Room for a pod on one node, and what it takes. */
export interface InterruptionPlan {
  readonly node: NodeInfo;
  readonly victims: readonly UnitMember[];
  /** Victims beyond their disruption budget. */
  readonly pdbViolations: number;
  /** -Infinity without victims. */
  readonly highestVictimPriority: number;
  /** Node-seconds (seconds × dominant share). */
  readonly cost: number;
  /** Start of the longest-running victim of the highest priority, ms since the epoch. */
  readonly earliestStart: number;
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
  let pdbViolations = 0;
  let highestVictimPriority = -Infinity;
  let earliestStart = Infinity;
  for (const unit of units) {
    for (const { pod } of unit.members) if (violating.has(pod.uid)) pdbViolations += 1;
    if (unit.priority > highestVictimPriority) {
      highestVictimPriority = unit.priority;
      earliestStart = unit.startedAt;
    } else if (unit.priority === highestVictimPriority) {
      earliestStart = Math.min(earliestStart, unit.startedAt);
    }
  }
  return {
    node: survey.node,
    victims: units.flatMap(({ members }) => members),
    pdbViolations,
    highestVictimPriority,
    cost: costOf(units),
    earliestStart,
    leaving: survey.leaving,
    leavingUntil: survey.leavingUntil,
  };
}

/**
 * Kube-scheduler's choice of node with cost in place of counts: fewest budget violations; lowest highest victim priority;
 * lowest cost; fewest victims; latest start of the most important victims; name of the node.
 */
export function comparePlans(one: InterruptionPlan, other: InterruptionPlan): number {
  return (
    one.pdbViolations - other.pdbViolations ||
    difference(one.highestVictimPriority, other.highestVictimPriority) ||
    one.cost - other.cost ||
    one.victims.length - other.victims.length ||
    difference(other.earliestStart, one.earliestStart) ||
    (one.node.name < other.node.name ? -1 : one.node.name > other.node.name ? 1 : 0)
  );
}

/** Infinity − Infinity is not a number. */
function difference(one: number, other: number): number {
  return one === other ? 0 : one - other;
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
    victims: plan.victims.map(({ pod, action, costs }) => ({
      pod: pod.key,
      priority: pod.priority,
      action,
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
