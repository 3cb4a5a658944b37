import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { terminationCost } from './termination.ts';
import type { VictimGroups } from './victim-groups.ts';
import type { NodeVictims, PotentialVictim } from './victim-index.ts';
import { groupUnit, type PricedPod, type VictimUnit } from './victim-unit.ts';

/** A group as one victim, whatever node it is seen from. */
export interface PricedGroup {
  readonly name: string;
  readonly members: readonly PricedPod[];
  readonly priority: number;
  readonly startedAt: number;
  readonly cost: number;
}

/** What a possible victim costs by each action at `now`. */
export function priced(victim: PotentialVictim, node: NodeInfo, now: number): PricedPod {
  const { pod, permission, checkpointCost, perFurtherDump, terminationShare, savedAt } = victim;
  return {
    pod,
    node,
    permission,
    checkpoint: permission.checkpoint ? { cost: checkpointCost, perFurtherDump } : undefined,
    terminate: terminationCost(terminationShare, savedAt, now),
  };
}

/** The groups that one plan meets, each worked out once. */
export class PlanGroups {
  readonly #groups: VictimGroups;
  readonly #victimsOn: (node: NodeInfo) => NodeVictims;
  readonly #preemptor: PodInfo;
  readonly #now: number;
  readonly #known = new Map<string, PricedGroup | undefined>();

  constructor(
    groups: VictimGroups,
    { victimsOn, preemptor, now }: { victimsOn: (node: NodeInfo) => NodeVictims; preemptor: PodInfo; now: number },
  ) {
    this.#groups = groups;
    this.#victimsOn = victimsOn;
    this.#preemptor = preemptor;
    this.#now = now;
  }

  /** Whether no group has two running members: every pod is then alone. */
  get isEmpty(): boolean {
    return this.#groups.isEmpty;
  }

  /** The group the pod is interrupted with; `alone` without one, undefined when the group may not be interrupted. */
  of(pod: PodInfo): PricedGroup | 'alone' | undefined {
    const name = this.#groups.groupOf(pod);
    if (name === undefined) return 'alone';
    if (!this.#known.has(name)) this.#known.set(name, this.#price(name));
    return this.#known.get(name);
  }

  /** The group as seen from a node on which it has members. */
  unitFor({ name, members }: PricedGroup, here: NodeInfo): VictimUnit | undefined {
    return groupUnit(name, members, here);
  }

  /** Members on their way out are no longer asked; one that may not be interrupted protects them all. */
  #price(name: string): PricedGroup | undefined {
    const members: PricedPod[] = [];
    for (const { pod, node } of this.#groups.membersOf(name)) {
      if (pod.priority >= this.#preemptor.priority) return undefined;
      const { victims, leaving } = this.#victimsOn(node);
      const victim = victims.find((other) => other.pod === pod);
      if (victim !== undefined) members.push(priced(victim, node, this.#now));
      else if (!leaving.some((other) => other.pod === pod)) return undefined;
    }
    const [first] = members;
    const unit = first === undefined ? undefined : groupUnit(name, members, first.node);
    if (unit === undefined) return undefined;
    const { priority, startedAt, cost } = unit;
    return { name, members, priority, startedAt, cost };
  }
}
