import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Permission } from './victim-rules.ts';

export type InterruptAction = 'Checkpoint' | 'Terminate';

/** One pod of a unit, with what would be done to it. */
export interface UnitMember {
  readonly pod: PodInfo;
  readonly permission: Permission;
  readonly action: InterruptAction;
}

/**
 * What is interrupted whole or not at all: one pod, or (once groups are coordinated) all members of a group. Priority is
 * that of the highest member.
 */
export interface VictimUnit {
  readonly id: string;
  readonly members: readonly UnitMember[];
  readonly priority: number;
  readonly startedAt: number;
  /** Node-seconds of all members, each by its cheapest permitted action, as if nothing else were dumped. */
  readonly cost: number;
  /** Members that are dumped. */
  readonly dumps: number;
  /** What each further dump on the node adds to the cost, for bandwidth is shared. */
  readonly costPerFurtherDump: number;
}

/** What interrupting all of them at once costs. Only grows as units are added. */
export function costOf(units: readonly VictimUnit[]): number {
  let dumps = 0;
  for (const unit of units) dumps += unit.dumps;
  let cost = 0;
  for (const unit of units) cost += unit.cost + unit.costPerFurtherDump * (dumps - unit.dumps);
  return cost;
}

/** A single pod as unit, by the cheaper of what is permitted; on a tie by what loses nothing. */
export function singleUnit(
  pod: PodInfo,
  permission: Permission,
  { checkpoint, terminate }: { checkpoint: { cost: number; perFurtherDump: number } | undefined; terminate: number },
): VictimUnit {
  const dumped = checkpoint !== undefined && checkpoint.cost <= terminate;
  return {
    id: pod.uid,
    members: [{ pod, permission, action: dumped ? 'Checkpoint' : 'Terminate' }],
    priority: pod.priority,
    startedAt: pod.startedAt,
    cost: dumped ? checkpoint.cost : terminate,
    dumps: dumped ? 1 : 0,
    costPerFurtherDump: dumped ? checkpoint.perFurtherDump : 0,
  };
}

/** Kube-scheduler's order of importance, with cost before age: higher priority, dearer, longer running, then by UID. */
export function byImportance(one: VictimUnit, other: VictimUnit): number {
  return (
    other.priority - one.priority ||
    other.cost - one.cost ||
    one.startedAt - other.startedAt ||
    (one.id < other.id ? -1 : one.id > other.id ? 1 : 0)
  );
}
