import type { PriorityClass } from '../../model/index.ts';
import { WAIT_SLACK_MS } from '../constants.ts';
import type { Cycle } from '../framework/cycle.ts';
import { unavailable } from '../framework/fit-error.ts';
import type { Impasse, PostFilterPlugin, Remedy } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { CostModel } from './cost.ts';
import { Hindrances } from './hindrances.ts';
import type { ExplainedPlan, InterruptionPlan } from './interruption-plan.ts';
import { type NaturalEnd, naturalEndOf } from './natural-end.ts';
import { planOrderOf } from './plan-order.ts';
import { reasonToTake } from './plan-reason.ts';
import { PlanSearch, type PlanSearchDependencies } from './plan-search.ts';
import { type PreemptionMode, preemptionModeOf } from './preemption-mode.ts';
import { Trial } from './select-victims.ts';
import type { Permission } from './victim-rules.ts';

type Mode = Exclude<PreemptionMode, 'Never'>;

export interface InterruptionDependencies extends PlanSearchDependencies {
  priorityClassOf: (name: string | undefined) => PriorityClass | undefined;
  costs: CostModel;
}

/**
 * Makes room for a pod that fits nowhere: DefaultPreemption's eligibility, victims and order of nodes for classes that
 * preempt plainly; for those that checkpoint, the cost of checkpoint, termination or waiting where upstream counts pods.
 *
 * What is promised: the victims suffice, none is superfluous, none has equal or higher priority. For classes that
 * checkpoint, on nodes with at most 12 candidates, the set is the best there is by (budget violations, highest victim
 * priority, cost); elsewhere it is upstream's reprieve order, which may cost more.
 */
export class Interruption implements PostFilterPlugin {
  readonly name = 'Interruption';
  readonly hintsRead = 'template';
  readonly hints = {
    NodeChanged: (pod: PodInfo, { node }: { node: NodeInfo }) => hasLower(pod, node),
    RoomFreed: (pod: PodInfo, { node }: { node: NodeInfo }) => hasLower(pod, node),
    PlacedPodChanged: (pod: PodInfo, event: { pod: PodInfo }) => event.pod.priority < pod.priority,
    InterruptionRulesChanged: () => true,
  };
  readonly #dependencies: InterruptionDependencies;
  readonly search: PlanSearch;

  constructor(dependencies: InterruptionDependencies) {
    this.#dependencies = dependencies;
    this.search = new PlanSearch(dependencies);
  }

  modeOf(pod: PodInfo): PreemptionMode {
    return preemptionModeOf(pod.pod, this.#dependencies.priorityClassOf(pod.pod.spec.priorityClassName));
  }

  postFilter(cycle: Cycle, impasse: Impasse): Remedy {
    const mode = this.modeOf(cycle.pod);
    if (mode === 'Never') return { type: 'None', message: 'preemption: not eligible due to preemptionPolicy=Never.' };
    const { now } = cycle;
    const hindrances = new Hindrances(({ pod, permission }) => this.#worded(pod, permission, mode, now));
    const { plans: found, reasons } = this.search.find({ cycle, impasse, mode, hindrances });
    const [best, ...others] = found.map((plan) => this.#explained(cycle, mode, plan));
    if (best === undefined) {
      const retryAt = hindrances.retryAt;
      const message = `preemption: ${unavailable(impasse.nodes.length, reasons)}${hindrances.sentence(now, false)}`;
      return { type: 'None', message, ...(retryAt === undefined ? {} : { retryAt }) };
    }
    const plans: [ExplainedPlan, ...ExplainedPlan[]] = [best, ...others];
    if (best.victims.length === 0) return this.#awaitLeaving(best, plans);
    if (mode === 'CheckpointLowerPriority' && this.#dependencies.victims.hasTimedPods) {
      const wait = this.#cheaperWait(cycle, impasse, best, plans);
      if (wait !== undefined) return wait;
    }
    const why = reasonToTake(best, plans[1], planOrderOf(mode));
    return { type: 'Interrupt', plans, note: why + hindrances.sentence(now, true) };
  }

  /** The permission in the words of the moment: how long a protection lasts yet changes by the second. */
  #worded(pod: PodInfo, permission: Permission, mode: Mode, now: number): Permission {
    const node = permission.recheckAt === undefined ? undefined : this.#dependencies.victims.nodeOf(pod);
    if (node === undefined) return permission;
    const { dumping } = this.#dependencies.victims.of(node, mode, now);
    return this.#dependencies.victims.permissionFor(pod, node, { mode, dumping, now });
  }

  /** The plan with the costs of its victims as they are when all its dumps share the bandwidth of their nodes. */
  #explained({ now, pod: preemptor }: Cycle, mode: Mode, plan: InterruptionPlan): ExplainedPlan {
    const { costs, victims: index } = this.#dependencies;
    const dumpsOn = (node: NodeInfo): number =>
      plan.victims.filter((member) => member.node === node && member.action === 'Checkpoint').length;
    const victims = plan.victims.map((member) => {
      const { pod, node, permission, action } = member;
      const dumps = index.of(node, mode, now).dumping + dumpsOn(node) + (action === 'Checkpoint' ? 0 : 1);
      return { ...member, costs: costs.explain(pod, node, { permission, dumps, preemptor, now }) };
    });
    return { ...plan, victims };
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
    const { costs, framework } = this.#dependencies;
    let chosen: { end: NaturalEnd; cost: number } | undefined;
    for (const [index, node] of nodes.entries()) {
      if (node.timedPods === 0 || rejections[index]?.resolvable !== true) continue; // speed
      const share = costs.shareOf(pod, node);
      const limit = now + ((chosen?.cost ?? best.cost) / share) * 1000;
      const end = naturalEndOf(new Trial(framework(), cycle, filters, node), node, { now, limit });
      if (end === undefined) continue;
      const cost = ((end.at - now) / 1000) * share;
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
