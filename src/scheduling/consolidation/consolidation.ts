import { podGroupOf } from '../../model/index.ts';
import type { Cycle } from '../framework/cycle.ts';
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
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { HeldPlaces } from './held-places.ts';
import { freeOf, type MoveTargetsDependencies, moveTargets } from './move-targets.ts';
import { NodeEmptying } from './node-emptying.ts';

export interface ConsolidationOptions {
  /** What a pod that fits nowhere is taken to wait otherwise, in seconds; its share of a node × this is what a move may cost. Default 600. */
  readonly expectedWaitSeconds?: number;
  /** Pods moved for one, or to empty a node, at most. Default 8. */
  readonly maximumMoves?: number;
  /**
   * What it is worth to have a node empty, in seconds of that node: moves that cost less are made for that alone, while
   * nobody waits. Absent: nodes are not emptied for their own sake.
   */
  readonly emptyNodeSeconds?: number;
  /** At most one node is emptied in this time. Default 600. */
  readonly emptyIntervalSeconds?: number;
  /** For how long a node that was emptied, or took what left another, is left alone. Default 3600. */
  readonly emptyRestSeconds?: number;
}

export interface ConsolidationDependencies extends MoveTargetsDependencies {
  readonly costs: CostModel;
  readonly rules: VictimRules;
  readonly budgets: Budgets;
  readonly modeOf: (pod: PodInfo) => PreemptionMode;
  readonly isLeaving: (pod: PodInfo) => boolean;
}

interface Moves {
  readonly plan: InterruptionPlan;
  /** Where each victim goes on, by UID. */
  readonly targets: ReadonlyMap<string, NodeInfo>;
}

const mayTake = (): boolean => true;
const DEFAULT_EXPECTED_WAIT_SECONDS = 600;
const DEFAULT_MAXIMUM_MOVES = 8;
const DEFAULT_EMPTY_INTERVAL_SECONDS = 600;
const DEFAULT_EMPTY_REST_SECONDS = 3_600;
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
  /** Of pods that have a place of their own: whether they fit there. */
  readonly #fitsThere = new WeakMap<Cycle, boolean>();
  /** Undefined: nodes are not emptied for their own sake. */
  readonly emptying: NodeEmptying | undefined;

  constructor(dependencies: ConsolidationDependencies, options: ConsolidationOptions = {}) {
    this.#dependencies = dependencies;
    this.#expectedWaitSeconds = options.expectedWaitSeconds ?? DEFAULT_EXPECTED_WAIT_SECONDS;
    this.#maximumMoves = options.maximumMoves ?? DEFAULT_MAXIMUM_MOVES;
    const { emptyNodeSeconds: worth } = options;
    if (worth !== undefined) {
      this.emptying = new NodeEmptying(dependencies, this.#held, {
        worth,
        maximumMoves: this.#maximumMoves,
        intervalMs: (options.emptyIntervalSeconds ?? DEFAULT_EMPTY_INTERVAL_SECONDS) * 1_000,
        restMs: (options.emptyRestSeconds ?? DEFAULT_EMPTY_REST_SECONDS) * 1_000,
      });
    }
  }

  preFilter(cycle: Cycle): 'skip' | undefined {
    const { cluster, isLeaving } = this.#dependencies;
    this.#held.expire(cycle.now, (podUID) => {
      const placed = cluster.placed(podUID);
      return placed !== undefined && !isLeaving(placed);
    });
    return this.#held.isEmpty ? 'skip' : undefined;
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    const { pod } = cycle;
    const only = this.#held.onlyPlaceOf(pod.workload);
    if (only !== undefined && only !== node.name && this.#fitsOn(cycle, only)) {
      return this.#rejection('node(s) are not where room is kept for the pod');
    }
    if (this.#held.leavesRoom(pod, node)) return undefined;
    return this.#rejection('node(s) keep room for a pod that is being moved there');
  }

  /** Asked about every node, answered once a cycle. */
  #fitsOn(cycle: Cycle, nodeName: string): boolean {
    let fits = this.#fitsThere.get(cycle);
    if (fits === undefined) {
      const { cluster, frameworkOf } = this.#dependencies;
      const node = cluster.node(nodeName);
      const framework = frameworkOf(cycle.pod);
      fits = node !== undefined && framework.filter(cycle, node, framework.filtersOf(cycle)) === undefined;
      this.#fitsThere.set(cycle, fits);
    }
    return fits;
  }

  #rejection(reason: string): Rejection {
    return { plugin: this.name, reasons: [reason], resolvable: false };
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
    // Nobody is moved for it, wherever room becomes free.
    if (podGroupOf(pod.pod) !== undefined || modeOf(pod) === 'Never') return { type: 'None', message: '' };
    let best: Moves | undefined;
    for (const node of this.#promising(impasse)) {
      const moves = this.#movesFrom(cycle, impasse, node);
      if (moves === undefined || moves.plan.cost >= costs.shareOf(pod, node) * this.#expectedWaitSeconds) continue;
      if (best === undefined || moves.plan.cost < best.plan.cost) best = moves;
    }
    if (best === undefined) return none;
    const { plan, targets } = best;
    const saved = costs.shareOf(pod, plan.node) * this.#expectedWaitSeconds;
    for (const { pod: moved } of plan.victims) this.#held.hold(moved, targets.get(moved.uid)?.name ?? '', cycle.now);
    const where = plan.victims.map(({ pod: { key, uid } }) => `${key} on ${targets.get(uid)?.name}`).join(', ');
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
    const leavers = { pods: plan.victims.map((victim) => victim.pod), from: node, successor: cycle.pod, mayTake };
    const targets = moveTargets(this.#dependencies, leavers, cycle.now);
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
