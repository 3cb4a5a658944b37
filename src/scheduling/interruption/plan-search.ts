import { EXPLAINED_ENTRIES, REFINED_CANDIDATES, RELEASE_SLACK_MS } from '../constants.ts';
import type { Cycle } from '../framework/cycle.ts';
import type { Framework } from '../framework/framework.ts';
import type { Impasse } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { PODS, type ResourceSpace } from '../snapshot/resource-space.ts';
import { BoundHeap } from './bound-heap.ts';
import type { Budgets } from './budgets.ts';
import type { Hindrances } from './hindrances.ts';
import { type InterruptionPlan, makePlan } from './interruption-plan.ts';
import { type BoundedNode, boundOn, KnownBounds } from './known-bounds.ts';
import { isCountedOn, PlanBounds, type Shortage } from './plan-bound.ts';
import { PlanGroups, priced } from './plan-groups.ts';
import { type PlanOrder, type PlanRank, planOrderOf } from './plan-order.ts';
import type { PreemptionMode } from './preemption-mode.ts';
import { cheapestVictims, selectVictims, Trial } from './select-victims.ts';
import type { VictimGroups } from './victim-groups.ts';
import { NOBODY, type NodeVictims, type VictimIndex } from './victim-index.ts';
import { byImportance, singleUnit, upstreamImportance, type VictimUnit } from './victim-unit.ts';

const NO_VICTIMS = 'No preemption victims found for incoming pod';
const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
const RESOURCES = 'NodeResourcesFit';

export interface PlanSearchDependencies {
  /** The framework that preemption is part of; asked only once decisions are taken. */
  framework: () => Framework;
  space: ResourceSpace;
  budgets: Budgets;
  groups: VictimGroups;
  victims: VictimIndex;
}

export interface PlanRequest {
  readonly cycle: Cycle;
  readonly impasse: Impasse;
  readonly mode: Exclude<PreemptionMode, 'Never'>;
  readonly hindrances: Hindrances;
}

export interface FoundPlans {
  /** Best first, at most {@link EXPLAINED_ENTRIES}. */
  readonly plans: readonly InterruptionPlan[];
  /** Why nodes have no plan (reason → count); complete only when there are no plans. */
  readonly reasons: ReadonlyMap<string, number>;
}

type PossibleNode = BoundedNode & { readonly bound: PlanRank };
type ImpossibleNode = BoundedNode & { readonly bound: Shortage };

/** The nodes by whether there may be a plan on them. */
interface Prospects {
  readonly possible: PossibleNode[];
  readonly impossible: ImpossibleNode[];
  /** How many nodes nobody's going would make fit. */
  notHelped: number;
}

/**
 * Finds the best plans over all nodes. Each node's plan is upstream's victim set or, where cost decides and there are at most
 * 12 candidates, the best set there is. Nodes are tried by their bounds, and those that could not be among the best any more
 * are not tried at all.
 */
export class PlanSearch {
  readonly #dependencies: PlanSearchDependencies;
  readonly #known: KnownBounds;

  constructor(dependencies: PlanSearchDependencies) {
    this.#dependencies = dependencies;
    this.#known = new KnownBounds(dependencies.budgets);
  }

  find(request: PlanRequest): FoundPlans {
    const order = planOrderOf(request.mode);
    const reasons = new Map<string, number>();
    const count = (reason: string, nodes = 1): void => void reasons.set(reason, (reasons.get(reason) ?? 0) + nodes);
    const groups = this.#groupsFor(request);
    const prospects = this.#prospects(request, groups);
    const heap = new BoundHeap(prospects.possible, order);
    const plans: InterruptionPlan[] = [];
    for (let next = heap.pop(); next !== undefined; next = heap.pop()) {
      const worst = plans.length < EXPLAINED_ENTRIES ? undefined : plans.at(-1);
      if (worst !== undefined && order(next.bound, worst) >= 0) break; // speed
      const plan = this.#planOn(request, groups, next);
      if ('reasons' in plan) for (const reason of plan.reasons) count(reason);
      else insert(plans, plan, order);
    }
    if (plans.length === 0) this.#countReasons(prospects, request.cycle, count);
    return { plans, reasons };
  }

  #groupsFor({ cycle: { pod: preemptor, now }, mode }: PlanRequest): PlanGroups {
    const { groups, victims } = this.#dependencies;
    return new PlanGroups(groups, { victimsOn: (node) => victims.of(node, mode, now), preemptor, now });
  }

  #prospects({ cycle, impasse, mode, hindrances }: PlanRequest, groups: PlanGroups): Prospects {
    const { budgets, victims } = this.#dependencies;
    const { pod: preemptor, now } = cycle;
    const { nodes, rejections, filters } = impasse;
    const costCounts = mode === 'CheckpointLowerPriority'; // speed
    const resourcesCount = filters.some(({ name }) => name === RESOURCES);
    const bounds = new PlanBounds({ preemptor, now, budgets, groups, resourcesCount, costCounts });
    // With groups a bound depends on other nodes too.
    const known = groups.isEmpty ? this.#known.of(preemptor, `${mode} ${resourcesCount}`) : undefined;
    const request = { known, bounds, preemptor, costCounts };
    const prospects: Prospects = { possible: [], impossible: [], notHelped: 0 };
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index];
      const rejection = rejections[index];
      if (node === undefined || rejection === undefined) continue;
      if (!rejection.resolvable) {
        prospects.notHelped += 1;
        continue;
      }
      const offered = victims.of(node, mode, now);
      if (offered.hindered !== NOBODY) noteHindered(offered, preemptor, hindrances); // speed
      const bounded = boundOn(node, offered, request);
      if (isPossible(bounded)) prospects.possible.push(bounded);
      else if (isImpossible(bounded)) prospects.impossible.push(bounded);
    }
    return prospects;
  }

  #countReasons(
    { impossible, notHelped }: Prospects,
    { pod: preemptor, now }: Cycle,
    count: (reason: string, nodes?: number) => void,
  ): void {
    if (notHelped > 0) count(NOT_HELPFUL, notHelped);
    for (const { offered, bound } of impossible) {
      if (bound.lacking.length === 0 || !offersAnything(offered, preemptor, now)) count(NO_VICTIMS);
      else for (const resource of bound.lacking) count(shortageOf(this.#dependencies.space, resource));
    }
  }

  #planOn(
    { cycle, impasse, mode }: PlanRequest,
    groups: PlanGroups,
    { node, offered }: PossibleNode,
  ): InterruptionPlan | { readonly reasons: readonly string[] } {
    const { framework, budgets } = this.#dependencies;
    const { pod: preemptor, now } = cycle;
    const leaving: PodInfo[] = [];
    let leavingUntil = 0;
    for (const entry of offered.leaving) {
      if (!isCountedOn(entry, preemptor, now)) continue;
      leaving.push(entry.pod);
      leavingUntil = Math.max(leavingUntil, entry.deadline ?? now + RELEASE_SLACK_MS);
    }
    const candidates = unitsOn(node, offered, { groups, preemptor, now });
    if (candidates.length === 0 && leaving.length === 0) return { reasons: [NO_VICTIMS] };
    const checkpointing = mode === 'CheckpointLowerPriority';
    const importance = checkpointing ? byImportance : upstreamImportance;
    const trial = new Trial(framework(), cycle, impasse.filters, node);
    try {
      for (const pod of leaving) trial.remove(pod);
      const selection = selectVictims(trial, candidates, { budgets, importance });
      if ('reasons' in selection) return selection;
      const exact = checkpointing && candidates.length <= REFINED_CANDIDATES;
      const order = planOrderOf(mode);
      const units = exact
        ? cheapestVictims(trial, candidates, selection, { order, importance, nodeName: node.name })
        : selection.victims;
      return makePlan({ node, leaving, leavingUntil }, units, selection);
    } finally {
      trial.restore();
    }
  }
}

function noteHindered({ hindered }: NodeVictims, preemptor: PodInfo, hindrances: Hindrances): void {
  for (const one of hindered) {
    if (one.pod.priority >= preemptor.priority) break;
    hindrances.note(one);
  }
}

function isPossible(bounded: BoundedNode): bounded is PossibleNode {
  return !isImpossible(bounded);
}

function isImpossible(bounded: BoundedNode): bounded is ImpossibleNode {
  return 'lacking' in bounded.bound;
}

/** Whom the plan may interrupt on the node: pods alone, and groups whole. */
function unitsOn(
  node: NodeInfo,
  { victims }: NodeVictims,
  { groups, preemptor, now }: { groups: PlanGroups; preemptor: PodInfo; now: number },
): VictimUnit[] {
  const units: VictimUnit[] = [];
  const seen = new Set<string>();
  for (const victim of victims) {
    if (victim.pod.priority >= preemptor.priority) break;
    const group = groups.of(victim.pod);
    if (group === undefined) continue;
    if (group === 'alone') {
      units.push(singleUnit(priced(victim, node, now)));
      continue;
    }
    if (seen.has(group.name)) continue;
    seen.add(group.name);
    const unit = groups.unitFor(group, node);
    if (unit !== undefined) units.push(unit);
  }
  return units;
}

/** In the words of NodeResourcesFit. */
function shortageOf(space: ResourceSpace, resource: number): string {
  return resource === PODS ? 'Too many pods' : `Insufficient ${space.nameOf(resource)}`;
}

function offersAnything({ victims, leaving }: NodeVictims, preemptor: PodInfo, now: number): boolean {
  const [lowest] = victims;
  if (lowest !== undefined && lowest.pod.priority < preemptor.priority) return true;
  return leaving.some((entry) => isCountedOn(entry, preemptor, now));
}

/** Keeps the best few, in order. */
function insert(plans: InterruptionPlan[], plan: InterruptionPlan, order: PlanOrder): void {
  plans.push(plan);
  plans.sort(order);
  if (plans.length > EXPLAINED_ENTRIES) plans.pop();
}
