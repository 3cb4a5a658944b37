import { podGroupOf } from '../../model/index.ts';
import { Cycle } from '../framework/cycle.ts';
import type { Framework } from '../framework/framework.ts';
import type {
  FilterPlugin,
  Impasse,
  PostFilterPlugin,
  PreFilterPlugin,
  Rejection,
  Remedy,
  ReservePlugin,
} from '../framework/phases.ts';
import type { Budgets } from '../interruption/budgets.ts';
import type { CostModel } from '../interruption/cost.ts';
import { type ExplainedPlan, type InterruptionPlan, makePlan } from '../interruption/interruption-plan.ts';
import type { PreemptionMode } from '../interruption/preemption-mode.ts';
import { selectVictims, Trial } from '../interruption/select-victims.ts';
import type { VictimRules } from '../interruption/victim-rules.ts';
import { byImportance, singleUnit, type VictimUnit } from '../interruption/victim-unit.ts';
import type { Cluster } from '../snapshot/cluster.ts';
import { ClusterTrial } from '../snapshot/cluster-trial.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { HeldPlaces } from './held-places.ts';

export interface ConsolidationOptions {
  /** What a pod that fits nowhere is taken to wait otherwise, in seconds; its share of a node × this is what a move may cost. Default 600. */
  readonly expectedWaitSeconds?: number;
  /** Pods moved for one at most. Default 8. */
  readonly maximumMoves?: number;
}

export interface ConsolidationDependencies {
  /** The framework that decides about the pod; asked only once decisions are taken. */
  readonly frameworkOf: (pod: PodInfo) => Framework;
  readonly cluster: Cluster;
  readonly costs: CostModel;
  readonly rules: VictimRules;
  readonly budgets: Budgets;
  readonly modeOf: (pod: PodInfo) => PreemptionMode;
  readonly isLeaving: (pod: PodInfo) => boolean;
}

interface Moves {
  readonly plan: InterruptionPlan;
  /** Where each victim goes on, by UID. */
  readonly targets: ReadonlyMap<string, string>;
}

const DEFAULT_EXPECTED_WAIT_SECONDS = 600;
const DEFAULT_MAXIMUM_MOVES = 8;
/** Nodes tried, those with most room first: elsewhere more would have to move. */
const TRIED_NODES = 16;

/**
 * Makes room for a pod by moving others of at most its priority, where nobody may be suspended for it: each goes on from its
 * checkpoint on a node that has room for it now. Only if all of them together cost less than the pod's waiting.
 * (MEASY; KAI's consolidation, which evicts what it moves.)
 */
export class Consolidation implements PreFilterPlugin, FilterPlugin, PostFilterPlugin, ReservePlugin {
  readonly name = 'Consolidation';
  /** Room anywhere may be room to move to. */
  readonly hints = { NodeChanged: () => true, RoomFreed: () => true };
  readonly hintsRead = 'template';
  readonly #dependencies: ConsolidationDependencies;
  readonly #expectedWaitSeconds: number;
  readonly #maximumMoves: number;
  readonly #held = new HeldPlaces();

  constructor(dependencies: ConsolidationDependencies, options: ConsolidationOptions = {}) {
    this.#dependencies = dependencies;
    this.#expectedWaitSeconds = options.expectedWaitSeconds ?? DEFAULT_EXPECTED_WAIT_SECONDS;
    this.#maximumMoves = options.maximumMoves ?? DEFAULT_MAXIMUM_MOVES;
  }

  preFilter(cycle: Cycle): 'skip' | undefined {
    if (this.#held.isEmpty) return 'skip';
    const { cluster, isLeaving } = this.#dependencies;
    this.#held.expire(cycle.now, (podUID) => {
      const placed = cluster.placed(podUID);
      return placed !== undefined && !isLeaving(placed);
    });
    return this.#held.isEmpty ? 'skip' : undefined;
  }

  filter({ pod }: Cycle, node: NodeInfo): Rejection | undefined {
    if (this.#held.leavesRoom(pod, node)) return undefined;
    return { plugin: this.name, reasons: ['node(s) keep room for a pod that is being moved there'], resolvable: false };
  }

  reserve({ pod }: Cycle): undefined {
    this.#held.release(pod.workload);
    return undefined;
  }

  unreserve(): void {}

  postFilter(cycle: Cycle, impasse: Impasse): Remedy {
    const { costs, modeOf } = this.#dependencies;
    const { pod } = cycle;
    const none: Remedy = { type: 'None', message: '', plugins: [this.name] };
    if (podGroupOf(pod.pod) !== undefined || modeOf(pod) === 'Never') return none;
    let best: Moves | undefined;
    for (const node of this.#promising(impasse)) {
      const moves = this.#movesFrom(cycle, impasse, node);
      if (moves === undefined || moves.plan.cost >= costs.shareOf(pod, node) * this.#expectedWaitSeconds) continue;
      if (best === undefined || moves.plan.cost < best.plan.cost) best = moves;
    }
    if (best === undefined) return none;
    const { plan, targets } = best;
    const saved = costs.shareOf(pod, plan.node) * this.#expectedWaitSeconds;
    for (const { pod: moved } of plan.victims) this.#held.hold(moved, targets.get(moved.uid) ?? '', cycle.now);
    const where = plan.victims.map(({ pod: { key, uid } }) => `${key} on ${targets.get(uid)}`).join(', ');
    return {
      type: 'Interrupt',
      reason: 'Migration',
      plans: [this.#explained(cycle, plan)],
      note: ` They are moved, and go on: ${where}; waiting would cost ${saved.toFixed(3)} node-seconds.`,
    };
  }

  /** Nodes that could take the pod if others went, those with most room first. */
  #promising({ nodes, rejections }: Impasse): NodeInfo[] {
    return nodes
      .filter((_, index) => rejections[index]?.resolvable === true)
      .sort((one, other) => freeOf(other) - freeOf(one) || (one.name < other.name ? -1 : 1))
      .slice(0, TRIED_NODES);
  }

  #movesFrom(cycle: Cycle, { filters }: Impasse, node: NodeInfo): Moves | undefined {
    const { frameworkOf, budgets } = this.#dependencies;
    const candidates = this.#movable(cycle, node);
    if (candidates.length === 0) return undefined;
    const trial = new Trial(frameworkOf(cycle.pod), cycle, filters, node);
    let plan: InterruptionPlan;
    try {
      const selection = selectVictims(trial, candidates, { budgets, importance: byImportance });
      if ('reasons' in selection || selection.victims.length > this.#maximumMoves) return undefined;
      plan = makePlan({ node, leaving: [], leavingUntil: 0 }, selection.victims, selection);
    } finally {
      trial.restore();
    }
    // A disruption budget is not stretched for convenience.
    if (plan.pdbViolations > 0) return undefined;
    const targets = this.#targetsFor(cycle, plan);
    return targets === undefined ? undefined : { plan, targets };
  }

  #movable({ pod, now }: Cycle, node: NodeInfo): VictimUnit[] {
    const { rules, costs, isLeaving } = this.#dependencies;
    const units: VictimUnit[] = [];
    for (const other of node.pods.values()) {
      if (other.priority > pod.priority || podGroupOf(other.pod) !== undefined || isLeaving(other)) continue;
      const permission = rules.permissionFor(other, 'CheckpointLowerPriority', now);
      if (!permission.checkpoint) continue;
      const checkpoint = costs.checkpointCost(other, node, 1);
      units.push(singleUnit({ pod: other, node, permission, checkpoint, terminate: Infinity }));
    }
    return units;
  }

  /** A node for each of them, the largest first, with the pod in their place: all or none. */
  #targetsFor({ pod, now }: Cycle, plan: InterruptionPlan): ReadonlyMap<string, string> | undefined {
    const { cluster } = this.#dependencies;
    const trial = new ClusterTrial(cluster);
    const targets = new Map<string, string>();
    try {
      for (const { pod: moved } of plan.victims) trial.takeAway(moved);
      trial.place(pod, plan.node);
      const largestFirst = plan.victims.map((victim) => victim.pod).sort((one, other) => sizeOf(other) - sizeOf(one));
      for (const moved of largestFirst) {
        const target = this.#targetOf(moved, plan.node, now);
        if (target === undefined) return undefined;
        trial.place(moved, target);
        targets.set(moved.uid, target.name);
      }
      return targets;
    } finally {
      trial.undo();
    }
  }

  /** The fullest node that can take the pod as it is: the room of the others stays whole. */
  #targetOf(moved: PodInfo, from: NodeInfo, now: number): NodeInfo | undefined {
    const { cluster } = this.#dependencies;
    const framework = this.#dependencies.frameworkOf(moved);
    const cycle = new Cycle(moved, now);
    if (framework.preFilter(cycle) !== undefined) return undefined;
    const filters = framework.filtersOf(cycle);
    let best: NodeInfo | undefined;
    for (const node of cluster.nodes) {
      if (node === from || (best !== undefined && freeOf(node) >= freeOf(best))) continue;
      if (framework.filter(cycle, node, filters) === undefined) best = node;
    }
    return best;
  }

  #explained({ pod, now }: Cycle, plan: InterruptionPlan): ExplainedPlan {
    const { costs } = this.#dependencies;
    const dumps = plan.victims.length;
    const victims = plan.victims.map((member) => ({
      ...member,
      costs: costs.explain(member.pod, plan.node, { permission: member.permission, dumps, preemptor: pod, now }),
    }));
    return { ...plan, victims };
  }
}

/** What is left of the node's scarcest resource, as part of what it has. */
function freeOf({ allocatable, requested }: NodeInfo): number {
  let free = 1;
  for (let index = 0; index < allocatable.length; index++) {
    const whole = allocatable[index] ?? 0;
    if (whole > 0) free = Math.min(free, 1 - (requested[index] ?? 0) / whole);
  }
  return free;
}

function sizeOf({ requests }: PodInfo): number {
  let size = 0;
  for (let index = 0; index < requests.length; index++) size += Math.log1p(requests[index] ?? 0);
  return size;
}
