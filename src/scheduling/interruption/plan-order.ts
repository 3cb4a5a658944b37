import type { PreemptionMode } from './preemption-mode.ts';

/** What a plan is judged by. */
export interface PlanRank {
  /** Victims beyond their disruption budget. */
  readonly pdbViolations: number;
  /** -Infinity without victims. */
  readonly highestVictimPriority: number;
  /** Node-seconds (seconds × dominant share). */
  readonly cost: number;
  /** Sum of the victims' priorities, each shifted to be positive, so that fewer victims also win. */
  readonly prioritySum: number;
  readonly victimCount: number;
  /** Start of the longest-running victim of the highest priority, ms since the epoch; Infinity without victims. */
  readonly earliestStart: number;
  readonly nodeName: string;
}

/** Added to every priority in sums (`MaxInt32 + 1`, as in kube-scheduler): no priority is then negative. */
const PRIORITY_SHIFT = 2 ** 31;

export function shifted(priority: number): number {
  return priority + PRIORITY_SHIFT;
}

export type PlanOrder = (one: PlanRank, other: PlanRank) => number;

/**
 * Kube-scheduler's choice of node (`pickOneNodeForPreemption`): fewest budget violations; lowest highest victim priority;
 * smallest sum of victim priorities; fewest victims; latest start of the most important victims. What it leaves to chance
 * goes by the node's name.
 */
export function upstreamOrder(one: PlanRank, other: PlanRank): number {
  return (
    one.pdbViolations - other.pdbViolations ||
    difference(one.highestVictimPriority, other.highestVictimPriority) ||
    one.prioritySum - other.prioritySum ||
    one.victimCount - other.victimCount ||
    difference(other.earliestStart, one.earliestStart) ||
    byName(one, other)
  );
}

/** The same with cost in place of counts: budget violations and priorities first, then what is lost, then the rest. */
export function costOrder(one: PlanRank, other: PlanRank): number {
  return (
    one.pdbViolations - other.pdbViolations ||
    difference(one.highestVictimPriority, other.highestVictimPriority) ||
    one.cost - other.cost ||
    one.prioritySum - other.prioritySum ||
    one.victimCount - other.victimCount ||
    difference(other.earliestStart, one.earliestStart) ||
    byName(one, other)
  );
}

/** A class that preempts plainly gets upstream's order to the letter; one that checkpoints is there to lose the least. */
export function planOrderOf(mode: PreemptionMode): PlanOrder {
  return mode === 'CheckpointLowerPriority' ? costOrder : upstreamOrder;
}

function byName(one: PlanRank, other: PlanRank): number {
  return one.nodeName < other.nodeName ? -1 : one.nodeName > other.nodeName ? 1 : 0;
}

/** Infinity − Infinity is not a number. */
function difference(one: number, other: number): number {
  return one === other ? 0 : one - other;
}
