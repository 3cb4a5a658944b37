import type { PriorityClass } from '../../model/index.ts';
import {
  EXPLAINED_ENTRIES,
  MAX_CONCURRENT_DUMPS_PER_NODE,
  REFINED_CANDIDATES,
  REFINED_NODES,
  WAIT_SLACK_MS,
} from '../constants.ts';
import type { Cycle } from '../framework/cycle.ts';
import { unavailable } from '../framework/fit-error.ts';
import type { Framework } from '../framework/framework.ts';
import type { FilterPlugin, Impasse, PostFilterPlugin, Remedy } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Budgets } from './budgets.ts';
import type { CostModel } from './cost.ts';
import type { Departures } from './departures.ts';
import { Hindrances } from './hindrances.ts';
import { comparePlans, type ExplainedPlan, type InterruptionPlan, makePlan } from './interruption-plan.ts';
import { type NaturalEnd, naturalEndOf } from './natural-end.ts';
import { type PreemptionMode, preemptionModeOf } from './preemption-mode.ts';
import { cheapestVictims, selectVictims, Trial, type VictimSelection } from './select-victims.ts';
import type { VictimRules } from './victim-rules.ts';
import { singleUnit, type VictimUnit } from './victim-unit.ts';

const NO_VICTIMS = 'No preemption victims found for incoming pod';
const NOT_HELPFUL = 'Preemption is not helpful for scheduling';

export interface InterruptionDependencies {
  /** The framework this plugin is part of; asked only once decisions are taken. */
  framework: () => Framework;
  priorityClassOf: (name: string | undefined) => PriorityClass | undefined;
  budgets: Budgets;
  rules: VictimRules;
  costs: CostModel;
  departures: Departures;
}

/** What a node offers before victims are chosen. */
interface Survey {
  readonly node: NodeInfo;
  readonly candidates: readonly VictimUnit[];
  readonly leaving: readonly PodInfo[];
  readonly leavingUntil: number;
  readonly dumping: number;
}

interface SurveyedPlan {
  readonly plan: InterruptionPlan;
  readonly survey: Survey;
  readonly selection: VictimSelection;
}

/**
 * Makes room for a pod that fits nowhere: DefaultPreemption's eligibility, victims and order of nodes, with the cost of
 * checkpoint, termination or waiting where upstream counts pods.
 *
 * What is promised: the victims suffice, none is superfluous, none has equal or higher priority. On nodes with at most 12
 * candidates, for the 8 best nodes, the set is the best by (budget violations, highest victim priority, cost, number);
 * elsewhere it is upstream's reprieve order, which may cost more.
 */
export class Interruption implements PostFilterPlugin {
  readonly name = 'Interruption';
  readonly hints = {
    NodeChanged: (pod: PodInfo, { node }: { node: NodeInfo }) => hasLower(pod, node),
    RoomFreed: (pod: PodInfo, { node }: { node: NodeInfo }) => hasLower(pod, node),
    PlacedPodChanged: (pod: PodInfo, event: { pod: PodInfo }) => event.pod.priority < pod.priority,
    InterruptionRulesChanged: () => true,
  };
  readonly #dependencies: InterruptionDependencies;

  constructor(dependencies: InterruptionDependencies) {
    this.#dependencies = dependencies;
  }

  modeOf(pod: PodInfo): PreemptionMode {
    return preemptionModeOf(pod.pod, this.#dependencies.priorityClassOf(pod.pod.spec.priorityClassName));
  }

  postFilter(cycle: Cycle, impasse: Impasse): Remedy {
    const mode = this.modeOf(cycle.pod);
    if (mode === 'Never') return { type: 'None', message: 'preemption: not eligible due to preemptionPolicy=Never.' };
    const hindrances = new Hindrances();
    const reasons = new Map<string, number>();
    const count = (reason: string): void => void reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    const found: SurveyedPlan[] = [];
    for (let index = 0; index < impasse.nodes.length; index++) {
      const node = impasse.nodes[index];
      const rejection = impasse.rejections[index];
      if (node === undefined || rejection === undefined) continue;
      if (!rejection.resolvable) {
        count(NOT_HELPFUL);
        continue;
      }
      const survey = this.#survey(cycle, node, mode, hindrances);
      const plan = this.#planOn(cycle, impasse.filters, survey);
      if ('plan' in plan) found.push(plan);
      else for (const reason of plan.reasons) count(reason);
    }
    if (found.length === 0) {
      const retryAt = hindrances.retryAt;
      const message = `preemption: ${unavailable(impasse.nodes.length, reasons)}${hindrances.sentence(cycle.now, false)}`;
      return { type: 'None', message, ...(retryAt === undefined ? {} : { retryAt }) };
    }
    const plans = this.#best(cycle, impasse.filters, found);
    const [best] = plans;
    if (best.victims.length === 0) return this.#awaitLeaving(best, plans);
    if (mode === 'CheckpointLowerPriority') {
      const wait = this.#cheaperWait(cycle, impasse, best, plans);
      if (wait !== undefined) return wait;
    }
    return { type: 'Interrupt', plans, note: hindrances.sentence(cycle.now, true) };
  }

  /** Who on the node may be interrupted how and at what cost, and who is leaving anyway. */
  #survey(cycle: Cycle, node: NodeInfo, mode: PreemptionMode, hindrances: Hindrances): Survey {
    const { departures, rules, costs } = this.#dependencies;
    const { now, pod: preemptor } = cycle;
    const leaving: PodInfo[] = [];
    const lower: PodInfo[] = [];
    let leavingUntil = 0;
    let dumping = 0;
    for (const pod of node.pods.values()) {
      const deadline = departures.deadlineOf(pod, now);
      if (deadline === undefined) {
        if (pod.priority < preemptor.priority) lower.push(pod);
        continue;
      }
      if (departures.isDumping(pod)) dumping += 1;
      // One that should be gone by now may never go: its room is not counted on. That of its equals and betters is left
      // to those who wait for it in the order of the queue.
      if (deadline < now || pod.priority >= preemptor.priority) continue;
      leaving.push(pod);
      leavingUntil = Math.max(leavingUntil, deadline);
    }
    const candidates: VictimUnit[] = [];
    for (const pod of lower) {
      let permission = rules.permissionFor(pod, mode, now);
      if (permission.checkpoint && dumping >= MAX_CONCURRENT_DUMPS_PER_NODE) {
        permission = {
          ...permission,
          checkpoint: false,
          excluded: `node ${node.name} writes ${dumping} dumps already`,
        };
      }
      if (permission.checkpoint || permission.terminate) {
        const checkpoint = permission.checkpoint ? costs.checkpointCost(pod, node, dumping + 1) : undefined;
        const terminate = permission.terminate ? costs.terminationCost(pod, node, now) : Infinity;
        candidates.push(singleUnit(pod, permission, { checkpoint, terminate }));
      }
      if (permission.excluded !== undefined) hindrances.note(pod, permission);
    }
    return { node, candidates, leaving, leavingUntil, dumping };
  }

  #planOn(
    cycle: Cycle,
    filters: readonly FilterPlugin[],
    survey: Survey,
  ): SurveyedPlan | { readonly reasons: readonly string[] } {
    const { node, candidates, leaving } = survey;
    if (candidates.length === 0 && leaving.length === 0) return { reasons: [NO_VICTIMS] };
    const trial = new Trial(this.#dependencies.framework(), cycle, filters, node);
    try {
      for (const pod of leaving) trial.remove(pod);
      const selection = selectVictims(trial, candidates, this.#dependencies.budgets);
      if ('reasons' in selection) return selection;
      return { plan: makePlan(survey, selection.victims, selection), survey, selection };
    } finally {
      trial.restore();
    }
  }

  /** The plan with the costs of its victims as they are when all its dumps share the node's bandwidth. */
  #explained({ now, pod: preemptor }: Cycle, { plan, survey }: SurveyedPlan): ExplainedPlan {
    const { costs } = this.#dependencies;
    const own = plan.victims.filter(({ action }) => action === 'Checkpoint').length;
    const victims = plan.victims.map((member) => {
      const { pod, permission, action } = member;
      const dumps = survey.dumping + own + (action === 'Checkpoint' ? 0 : 1);
      return { ...member, costs: costs.explain(pod, plan.node, { permission, dumps, preemptor, now }) };
    });
    return { ...plan, victims };
  }

  /** The plans worth showing, best first, the first few searched to the end. */
  #best(
    cycle: Cycle,
    filters: readonly FilterPlugin[],
    found: readonly SurveyedPlan[],
  ): [ExplainedPlan, ...ExplainedPlan[]] {
    const byRank = [...found].sort((one, other) => comparePlans(one.plan, other.plan)).slice(0, REFINED_NODES);
    const [first, ...others] = byRank
      .map((entry) => this.#refined(cycle, filters, entry))
      .sort((one, other) => comparePlans(one.plan, other.plan))
      .slice(0, EXPLAINED_ENTRIES)
      .map((entry) => this.#explained(cycle, entry));
    if (first === undefined) throw new RangeError('the best of no plans was asked for');
    return [first, ...others];
  }

  #refined(cycle: Cycle, filters: readonly FilterPlugin[], entry: SurveyedPlan): SurveyedPlan {
    const { survey, selection } = entry;
    if (selection.victims.length === 0 || survey.candidates.length > REFINED_CANDIDATES) return entry;
    const trial = new Trial(this.#dependencies.framework(), cycle, filters, survey.node);
    try {
      for (const pod of survey.leaving) trial.remove(pod);
      const victims = cheapestVictims(trial, survey.candidates, selection);
      if (victims === selection.victims) return entry;
      return { ...entry, plan: makePlan(survey, victims, selection) };
    } finally {
      trial.restore();
    }
  }

  /** The room is being freed already: nobody has to be interrupted. */
  #awaitLeaving(best: ExplainedPlan, plans: readonly ExplainedPlan[]): Remedy {
    const names = best.leaving.map(({ key }) => key).join(', ');
    return {
      type: 'Wait',
      nodeName: best.node.name,
      until: best.leavingUntil,
      summary: `waits on node ${best.node.name} for ${names}, already on the way out`,
      plans,
    };
  }

  /** Waiting for natural ends, if that costs less than the best interruption. */
  #cheaperWait(
    cycle: Cycle,
    { nodes, rejections, filters, waitDeadline }: Impasse,
    best: ExplainedPlan,
    plans: readonly ExplainedPlan[],
  ): Remedy | undefined {
    const { now, pod } = cycle;
    let chosen: { end: NaturalEnd; cost: number } | undefined;
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index];
      if (node === undefined || node.timedPods === 0 || rejections[index]?.resolvable !== true) continue;
      const end = naturalEndOf(new Trial(this.#dependencies.framework(), cycle, filters, node), node, now);
      if (end === undefined) continue;
      const cost = ((end.at - now) / 1000) * this.#dependencies.costs.shareOf(pod, node);
      if (cost < (chosen?.cost ?? best.cost)) chosen = { end, cost };
    }
    if (chosen === undefined) return undefined;
    const until = chosen.end.at + WAIT_SLACK_MS;
    if (waitDeadline !== undefined && until > waitDeadline) return undefined;
    const { node, pods } = chosen.end;
    const seconds = Math.ceil((chosen.end.at - now) / 1000);
    return {
      type: 'Wait',
      nodeName: node.name,
      until,
      summary:
        `waits on node ${node.name} for the end of ${pods.map(({ key }) => key).join(', ')} in ${seconds} s: ` +
        `${chosen.cost.toFixed(3)} node-seconds, the cheapest interruption ${best.cost.toFixed(3)}`,
      plans,
    };
  }
}

function hasLower(pod: PodInfo, node: NodeInfo): boolean {
  for (const other of node.pods.values()) if (other.priority < pod.priority) return true;
  return false;
}
