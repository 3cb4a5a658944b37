import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Permission } from './victim-rules.ts';

export type InterruptAction = 'Checkpoint' | 'Terminate';

/** One pod of a unit, with what would be done to it. */
export interface UnitMember {
  readonly pod: PodInfo;
  /** Where it runs: members of a group may be elsewhere than the plan. */
  readonly node: NodeInfo;
  readonly permission: Permission;
  readonly action: InterruptAction;
  /** `namespace/name` of the group it is interrupted with; undefined: alone. */
  readonly group: string | undefined;
}

/**
 * What is interrupted whole or not at all: one pod, or all members of a group on all nodes. Priority is that of the highest
 * member.
 */
export interface VictimUnit {
  readonly id: string;
  readonly members: readonly UnitMember[];
  readonly priority: number;
  /** Of the longest-running member, ms since the epoch. */
  readonly startedAt: number;
  /**
   * Node-seconds of all members by their cheapest permitted action, as if nothing else were dumped. On other nodes than the
   * plan's it stays so: where two groups meet there, each is counted as if it were alone.
   */
  readonly cost: number;
  /** Members that are dumped on the node the plan is for. */
  readonly dumps: number;
  /** What each further dump on the node adds to the cost, for bandwidth is shared. */
  readonly costPerFurtherDump: number;
}

/**
 * What interrupting all of them at once costs. Only grows as units are added. Summed from the smallest term up, so that
 * the same victims cost the same to the last bit in whatever order they were found, and a bound summed likewise never
 * exceeds what it bounds.
 */
export function costOf(units: readonly VictimUnit[]): number {
  if (units.length === 1) return units[0]?.cost ?? 0; // speed
  let dumps = 0;
  for (const unit of units) dumps += unit.dumps;
  const terms = units.map((unit) => unit.cost + unit.costPerFurtherDump * (dumps - unit.dumps));
  terms.sort((one, other) => one - other);
  let cost = 0;
  for (const term of terms) cost += term;
  return cost;
}

/** What a pod may be interrupted by, and what each would cost. */
export interface PricedPod {
  readonly pod: PodInfo;
  readonly node: NodeInfo;
  readonly permission: Permission;
  readonly checkpoint: { readonly cost: number; readonly perFurtherDump: number } | undefined;
  /** Node-seconds; Infinity: not permitted. */
  readonly terminate: number;
}

/** A single pod as unit, by the cheaper of what is permitted; on a tie by what loses nothing. */
export function singleUnit({ pod, node, permission, checkpoint, terminate }: PricedPod): VictimUnit {
  const dumped = checkpoint !== undefined && checkpoint.cost <= terminate;
  return {
    id: pod.uid,
    members: [{ pod, node, permission, action: dumped ? 'Checkpoint' : 'Terminate', group: undefined }],
    priority: pod.priority,
    startedAt: pod.startedAt,
    cost: dumped ? checkpoint.cost : terminate,
    dumps: dumped ? 1 : 0,
    costPerFurtherDump: dumped ? checkpoint.perFurtherDump : 0,
  };
}

/**
 * A group as unit, seen from one of its nodes: all members are checkpointed, or all terminated, whichever costs less in
 * all; members on one node share its bandwidth. Undefined when neither is permitted for every member.
 */
export function groupUnit(group: string, members: readonly PricedPod[], here: NodeInfo): VictimUnit | undefined {
  let checkpoint = 0;
  let terminate = 0;
  let perFurtherDump = 0;
  let priority = -Infinity;
  let startedAt = Infinity;
  const membersOn = new Map<NodeInfo, number>();
  for (const { node } of members) membersOn.set(node, (membersOn.get(node) ?? 0) + 1);
  for (const member of members) {
    const beside = (membersOn.get(member.node) ?? 1) - 1;
    checkpoint +=
      member.checkpoint === undefined ? Infinity : member.checkpoint.cost + member.checkpoint.perFurtherDump * beside;
    terminate += member.terminate;
    priority = Math.max(priority, member.pod.priority);
    startedAt = Math.min(startedAt, member.pod.startedAt);
    if (member.node === here) perFurtherDump += member.checkpoint?.perFurtherDump ?? 0;
  }
  const dumped = checkpoint <= terminate;
  const cost = dumped ? checkpoint : terminate;
  if (cost === Infinity) return undefined;
  const action = dumped ? 'Checkpoint' : 'Terminate';
  return {
    id: `group ${group}`,
    members: members.map(({ pod, node, permission }) => ({ pod, node, permission, action, group })),
    priority,
    startedAt,
    cost,
    dumps: dumped ? (membersOn.get(here) ?? 0) : 0,
    costPerFurtherDump: dumped ? perFurtherDump : 0,
  };
}

/** Order of importance of victims, most important first. */
export type Importance = (one: VictimUnit, other: VictimUnit) => number;

/** Kube-scheduler's (`MoreImportantPod`): higher priority, then longer running, then by UID. */
export function upstreamImportance(one: VictimUnit, other: VictimUnit): number {
  return other.priority - one.priority || one.startedAt - other.startedAt || byID(one, other);
}

/** Kube-scheduler's with cost before age: higher priority, dearer, longer running, then by UID. */
export function byImportance(one: VictimUnit, other: VictimUnit): number {
  return other.priority - one.priority || other.cost - one.cost || one.startedAt - other.startedAt || byID(one, other);
}

function byID(one: VictimUnit, other: VictimUnit): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0;
}
