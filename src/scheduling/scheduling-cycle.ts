import { EXPLAINED_ENTRIES, ORDER_TIMEOUT_MS } from './constants.ts';
import type { Decision, Explanation, VictimDecision } from './contract.ts';
import type { EngineState } from './engine-state.ts';
import { Cycle } from './framework/cycle.ts';
import { countReasons, unavailable } from './framework/fit-error.ts';
import type { Scores } from './framework/framework.ts';
import type { FilterPlugin, Rejection, Remedy } from './framework/phases.ts';
import { sourceUIDOf, stopPhaseOf } from './interruption/checkpoint-ledger.ts';
import { type ExplainedPlan, explainPlan, roundedCosts } from './interruption/interruption-plan.ts';
import type { Observer } from './observer.ts';
import type { QueueEntry } from './queue/queue-entry.ts';
import type { NodeInfo } from './snapshot/node-info.ts';
import { podRef } from './snapshot/pod-info.ts';

const INTERRUPTION = 'Interruption';

/** Decides about one pod, and assumes what it decided. */
export class SchedulingCycle {
  readonly #state: EngineState;
  readonly #observer: Observer;
  readonly #random: (() => number) | undefined;

  /** @param random breaks ties between equally good nodes; without it the first by name is taken */
  constructor(state: EngineState, observer: Observer, random: (() => number) | undefined) {
    this.#state = state;
    this.#observer = observer;
    this.#random = random;
  }

  /** The decisions that follow; none while room is still being made for the pod. */
  run(entry: QueueEntry, now: number): Decision[] {
    const { framework, cluster } = this.#state;
    const cycle = new Cycle(entry.info, now);
    const rejectedByAll = framework.preFilter(cycle);
    const filters = framework.filtersOf(cycle);
    if (this.#isWaitingForRoom(cycle, entry, filters)) return [];
    const { nodes } = cluster;
    if (rejectedByAll !== undefined) {
      return this.#turnDown(cycle, entry, filters, nodes, new Array<Rejection>(nodes.length).fill(rejectedByAll));
    }
    const nominated = cluster.nominationOf(entry.info.uid);
    const promised = nominated === undefined ? undefined : cluster.node(nominated);
    if (promised !== undefined && framework.filter(cycle, promised, filters) === undefined) {
      return this.#bind(cycle, entry, [promised], []);
    }
    const feasible: NodeInfo[] = [];
    const rejections: (Rejection | undefined)[] = new Array(nodes.length);
    for (let index = 0; index < nodes.length; index++) {
      const node = nodes[index];
      if (node === undefined) continue;
      const rejection = framework.filter(cycle, node, filters);
      rejections[index] = rejection;
      if (rejection === undefined) feasible.push(node);
    }
    if (feasible.length > 0) return this.#bind(cycle, entry, feasible, rejections);
    return this.#turnDown(cycle, entry, filters, nodes, rejections);
  }

  /**
   * While victims go, their preemptor stays with its nomination and plans nothing else — unless its node has become one
   * that no victim's going could make fit (kube-scheduler's `PodEligibleToPreemptOthers`).
   */
  #isWaitingForRoom(cycle: Cycle, entry: QueueEntry, filters: readonly FilterPlugin[]): boolean {
    const { cluster, framework, queue } = this.#state;
    const { uid } = entry.info;
    if (!this.#state.isRoomBeingMadeFor(uid)) return false;
    const nodeName = cluster.nominationOf(uid) ?? this.#nodeOfVictims(uid);
    const node = nodeName === undefined ? undefined : cluster.node(nodeName);
    if (nodeName !== undefined) {
      if (node === undefined || framework.filter(cycle, node, filters)?.resolvable === false) return false;
      cluster.nominate(entry.info, nodeName);
    }
    queue.hold(entry, [], cycle.now);
    return true;
  }

  /** For when the scheduler died between the orders and the nomination: the room will be where the victims are. */
  #nodeOfVictims(uid: string): string | undefined {
    const { checkpoints, cluster } = this.#state;
    for (const checkpoint of checkpoints.forPreemptor(uid)) {
      if (stopPhaseOf(checkpoint) !== 'UnderWay') continue;
      const source = sourceUIDOf(checkpoint);
      const nodeName =
        checkpoint.status?.nodeName ?? (source === undefined ? undefined : cluster.placed(source)?.nodeName);
      if (nodeName !== undefined) return nodeName;
    }
    return undefined;
  }

  #bind(
    cycle: Cycle,
    entry: QueueEntry,
    feasible: readonly NodeInfo[],
    rejections: readonly (Rejection | undefined)[],
  ): Decision[] {
    const { framework, cluster, queue } = this.#state;
    const { info } = entry;
    const scores: Scores =
      feasible.length === 1 ? { totals: new Float64Array(1), byPlugin: [] } : framework.score(cycle, feasible);
    const best = this.#bestOf(scores.totals);
    const node = feasible[best];
    if (node === undefined) return [];
    const refusal = framework.reserve(cycle, node);
    if (refusal !== undefined) return this.#turnDown(cycle, entry, [], [node], [refusal]);
    if (cluster.nominationOf(info.uid) === node.name) cluster.clearNomination(info.uid);
    else this.#observer.clearNomination(info, cycle.now);
    info.assumed = true;
    cluster.place(info, node.name);
    queue.assume(entry);
    const summary =
      feasible.length === 1 ? `node ${node.name} fits` : `node ${node.name} is the best of ${feasible.length} that fit`;
    const explanation: Explanation = {
      at: cycle.now,
      outcome: 'Bind',
      summary,
      filtered: reasonsRecord(rejections),
      scores: topScores(feasible, scores, best),
      plans: [],
    };
    return [{ type: 'Bind', pod: podRef(info), nodeName: node.name, explanation }];
  }

  #turnDown(
    cycle: Cycle,
    entry: QueueEntry,
    filters: readonly FilterPlugin[],
    nodes: readonly NodeInfo[],
    rejections: readonly (Rejection | undefined)[],
  ): Decision[] {
    const remedy = this.#state.framework.postFilter(cycle, {
      nodes,
      rejections,
      filters,
      waitDeadline: entry.waitDeadline,
    });
    const plugins = new Set<string>();
    for (const rejection of rejections) if (rejection !== undefined) plugins.add(rejection.plugin);
    switch (remedy.type) {
      case 'Interrupt':
        return this.#interrupt(cycle, entry, remedy, rejections);
      case 'Wait':
        return this.#wait(cycle, entry, remedy, rejections, [...plugins, INTERRUPTION]);
      case 'None':
        return this.#refuse(cycle, entry, remedy, rejections, [...plugins, INTERRUPTION], nodes.length);
    }
  }

  #interrupt(
    cycle: Cycle,
    entry: QueueEntry,
    remedy: Extract<Remedy, { type: 'Interrupt' }>,
    rejections: readonly (Rejection | undefined)[],
  ): Decision[] {
    const { queue, orders } = this.#state;
    const { info } = entry;
    const { now } = cycle;
    const [plan] = remedy.plans;
    const displaced = this.#nominate(cycle, entry, plan.node.name);
    for (const { pod, action } of plan.victims) {
      orders.give(info.uid, pod.uid, { action, expiresAt: now + ORDER_TIMEOUT_MS });
    }
    queue.hold(entry, [], now);
    const named = plan.victims.map(({ pod, action }) => `${pod.key} (${action.toLowerCase()})`).join(', ');
    const explanation: Explanation = {
      at: now,
      outcome: 'Interrupt',
      summary: `makes room on node ${plan.node.name} by interrupting ${named} at ${plan.cost.toFixed(3)} node-seconds.${remedy.note}`,
      filtered: reasonsRecord(rejections),
      scores: [],
      plans: remedy.plans.map(explainPlan),
    };
    const decision: Decision = {
      type: 'Interrupt',
      pod: podRef(info),
      nodeName: plan.node.name,
      victims: victimDecisions(plan),
      explanation,
    };
    return [decision, ...displaced];
  }

  #wait(
    cycle: Cycle,
    entry: QueueEntry,
    remedy: Extract<Remedy, { type: 'Wait' }>,
    rejections: readonly (Rejection | undefined)[],
    plugins: readonly string[],
  ): Decision[] {
    const displaced = this.#nominate(cycle, entry, remedy.nodeName);
    entry.waitDeadline ??= remedy.until;
    this.#state.queue.hold(entry, plugins, cycle.now, remedy.until);
    const explanation: Explanation = {
      at: cycle.now,
      outcome: 'Wait',
      summary: remedy.summary,
      filtered: reasonsRecord(rejections),
      scores: [],
      plans: remedy.plans.map(explainPlan),
    };
    const { nodeName, until } = remedy;
    return [{ type: 'Wait', pod: podRef(entry.info), nodeName, until, explanation }, ...displaced];
  }

  #refuse(
    cycle: Cycle,
    entry: QueueEntry,
    remedy: Extract<Remedy, { type: 'None' }>,
    rejections: readonly (Rejection | undefined)[],
    plugins: readonly string[],
    nodes: number,
  ): Decision[] {
    const { queue } = this.#state;
    // Before it is back in the queue, lest its own withdrawal wakes it.
    const clearNomination = this.#observer.clearNomination(entry.info, cycle.now);
    queue.reject(entry, plugins, cycle.now, remedy.retryAt);
    const reasons = countReasons(rejections.filter((rejection) => rejection !== undefined));
    const message = [unavailable(nodes, reasons), remedy.message].filter((part) => part !== '').join(' ');
    const explanation: Explanation = {
      at: cycle.now,
      outcome: 'Unschedulable',
      summary: message,
      filtered: Object.fromEntries(reasons),
      scores: [],
      plans: [],
    };
    return [{ type: 'Unschedulable', pod: podRef(entry.info), message, clearNomination, explanation }];
  }

  /** Promises the room; pods of lower priority that were promised room there lose it and look elsewhere. */
  #nominate(cycle: Cycle, entry: QueueEntry, nodeName: string): Decision[] {
    const { cluster, queue } = this.#state;
    const { info } = entry;
    const outranked = cluster.nominatedTo(nodeName).filter((other) => other.priority < info.priority);
    cluster.nominate(info, nodeName);
    return outranked.map((other) => {
      cluster.clearNomination(other.uid);
      queue.activate(other.uid, cycle.now);
      const message = `the room nominated on node ${nodeName} goes to ${info.key}, which has a higher priority`;
      const explanation: Explanation = {
        at: cycle.now,
        outcome: 'Unschedulable',
        summary: message,
        filtered: {},
        scores: [],
        plans: [],
      };
      return { type: 'Unschedulable', pod: podRef(other), message, clearNomination: true, explanation };
    });
  }

  /** Index of the highest total; among equals by chance, each as likely (reservoir), or the first. */
  #bestOf(totals: Float64Array): number {
    let best = 0;
    let equals = 1;
    for (let index = 1; index < totals.length; index++) {
      const difference = (totals[index] ?? 0) - (totals[best] ?? 0);
      if (difference > 0) {
        best = index;
        equals = 1;
      } else if (difference === 0 && this.#random !== undefined) {
        equals += 1;
        if (this.#random() * equals < 1) best = index;
      }
    }
    return best;
  }
}

function victimDecisions(plan: ExplainedPlan): VictimDecision[] {
  return plan.victims.map(({ pod, action, costs, permission: { timeoutSeconds } }) => ({
    pod: podRef(pod),
    action,
    costs: roundedCosts(costs),
    ...(action === 'Checkpoint' && timeoutSeconds !== undefined ? { timeoutSeconds } : {}),
  }));
}

function reasonsRecord(rejections: readonly (Rejection | undefined)[]): Record<string, number> {
  return Object.fromEntries(countReasons(rejections.filter((rejection) => rejection !== undefined)));
}

/** The one taken, then the best of the others. */
function topScores(nodes: readonly NodeInfo[], { totals, byPlugin }: Scores, chosen: number): Explanation['scores'] {
  const top: number[] = [];
  for (let index = 0; index < totals.length; index++) {
    if (index === chosen) continue;
    const total = totals[index] ?? 0;
    if (top.length === EXPLAINED_ENTRIES - 1 && total <= (totals[top.at(-1) ?? 0] ?? 0)) continue;
    const place = top.findIndex((other) => (totals[other] ?? 0) < total);
    top.splice(place === -1 ? top.length : place, 0, index);
    if (top.length === EXPLAINED_ENTRIES) top.pop();
  }
  return [chosen, ...top].map((index) => ({
    node: nodes[index]?.name ?? '',
    total: totals[index] ?? 0,
    byPlugin: Object.fromEntries(byPlugin.map(({ name, scores }) => [name, scores[index] ?? 0])),
  }));
}
