import { ORDER_TIMEOUT_MS } from './constants.ts';
import type { Decision, Explanation } from './contract.ts';
import type { EngineState } from './engine-state.ts';
import { Cycle } from './framework/cycle.ts';
import { countReasons, countRejections, reasonsOf, unavailable } from './framework/fit-error.ts';
import type { Framework } from './framework/framework.ts';
import type { Choice } from './framework/node-choice.ts';
import type { FilterPlugin, PreBindStep, Rejection, Remedy } from './framework/phases.ts';
import { GangCycle, type Sought } from './gang/gang-cycle.ts';
import { gangHostOf } from './gang-ways.ts';
import { sourceUIDOf, stopPhaseOf } from './interruption/checkpoint-ledger.ts';
import { explainPlan } from './interruption/interruption-plan.ts';
import { groupDecisions, victimDecisions } from './interruption/victim-decisions.ts';
import type { Observer } from './observer.ts';
import type { QueueEntry } from './queue/queue-entry.ts';
import type { NodeInfo } from './snapshot/node-info.ts';
import { type PodInfo, podRef } from './snapshot/pod-info.ts';

const INTERRUPTION = 'Interruption';
const NOTHING_TO_SHOW = { filtered: {}, scores: [], plans: [] };

/** A pod whose cycle is prepared. */
export interface Begun {
  readonly entry: QueueEntry;
  readonly cycle: Cycle;
  readonly filters: readonly FilterPlugin[];
  /** Why no node comes into question. */
  readonly rejectedByAll: Rejection | undefined;
}

type BindDecision = Extract<Decision, { type: 'Bind' }>;

/** Decides about one pod, and assumes what it decided. */
export class SchedulingCycle {
  readonly #state: EngineState;
  readonly #observer: Observer;
  /** Binds that wait for permission, by pod UID. */
  readonly #withheld = new Map<string, { entry: QueueEntry; decision: BindDecision }>();
  readonly #gangs: GangCycle;

  constructor(state: EngineState, observer: Observer) {
    this.#state = state;
    this.#observer = observer;
    this.#gangs = new GangCycle(
      gangHostOf(state, observer, {
        begin: (entry, now) => this.#begin(entry, now),
        seek: (begun) => this.#seek(begun),
        bind: ({ cycle, entry }, choice) => this.#bind(cycle, entry, choice),
        interrupt: ({ cycle, entry }, remedy, rejections) => this.#interrupt(cycle, entry, remedy, rejections),
        wait: ({ cycle, entry }, remedy, rejections) => this.#wait(cycle, entry, remedy, rejections, [INTERRUPTION]),
        isWaitingForRoom: ({ cycle, entry, filters }) => this.#isWaitingForRoom(cycle, entry, filters),
        forgetWithheld: (uid) => void this.#withheld.delete(uid),
        alone: (entry, now) => this.#alone(entry, now),
      }),
    );
  }

  /** The decisions that follow, about the pod and those it starts with; none while room is still being made for it. */
  run(entry: QueueEntry, now: number): Decision[] {
    const { strategies } = this.#state;
    const gang = strategies.hasGangs ? strategies.groups.of(entry.info) : undefined;
    return gang === undefined ? this.#alone(entry, now) : this.#gangs.run(gang, entry, now);
  }

  #alone(entry: QueueEntry, now: number): Decision[] {
    const begun = this.#begin(entry, now);
    const { cycle, filters } = begun;
    if (this.#isWaitingForRoom(cycle, entry, filters)) return [];
    const { outcome } = this.#seek(begun);
    if ('node' in outcome) return this.#bind(cycle, entry, outcome);
    return this.#turnDown(cycle, entry, filters, outcome.rejections);
  }

  #begin(entry: QueueEntry, now: number): Begun {
    const { framework } = this.#state.profileOf(entry.info);
    const cycle = new Cycle(entry.info, now);
    const rejectedByAll = framework.preFilter(cycle);
    cycle.rejectedByAll = rejectedByAll;
    return { entry, cycle, rejectedByAll, filters: framework.filtersOf(cycle) };
  }

  /** Where the pod would go; nothing is assumed. */
  #seek({ entry, cycle, filters, rejectedByAll }: Begun): Sought {
    const { cluster } = this.#state;
    const { framework, chooser } = this.#state.profileOf(entry.info);
    if (rejectedByAll !== undefined) {
      const rejections = new Array<Rejection>(cluster.nodes.length).fill(rejectedByAll);
      return { entry, cycle, filters, outcome: { rejections } };
    }
    const nominated = cluster.nominationOf(entry.info.uid);
    const promised = nominated === undefined ? undefined : cluster.node(nominated);
    if (promised !== undefined && framework.filter(cycle, promised, filters) === undefined) {
      const scores = [{ node: promised.name, total: 0, byPlugin: {} }];
      return { entry, cycle, filters, outcome: { node: promised, feasible: 1, filtered: {}, scores } };
    }
    return { entry, cycle, filters, outcome: chooser.choose(cycle, filters) };
  }

  /** What became of the pods that waited for permission. */
  settleWaiting(now: number): Decision[] {
    return this.#state.waiting.settle(now).flatMap((outcome): Decision[] => {
      const withheld = this.#withheld.get(outcome.uid);
      if (withheld === undefined) return [];
      this.#withheld.delete(outcome.uid);
      if (outcome.type === 'Gone') return [];
      if (outcome.type === 'Allowed') return [withheld.decision];
      return this.#takeBack(withheld.entry, withheld.decision.nodeName, outcome, now);
    });
  }

  /**
   * While victims go, their preemptor stays with its nomination and plans nothing else — unless its node has become one
   * that no victim's going could make fit (kube-scheduler's `PodEligibleToPreemptOthers`).
   */
  #isWaitingForRoom(cycle: Cycle, entry: QueueEntry, filters: readonly FilterPlugin[]): boolean {
    const { cluster, queue } = this.#state;
    const { framework } = this.#state.profileOf(entry.info);
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

  #bind(cycle: Cycle, entry: QueueEntry, { node, feasible, filtered, scores }: Choice): Decision[] {
    const { cluster, queue, waiting } = this.#state;
    const { framework } = this.#state.profileOf(entry.info);
    const { info } = entry;
    const steps = this.#reserve(cycle, framework, node);
    if ('reasons' in steps) return this.#turnDownAt(cycle, entry, node, steps);
    if (cluster.nominationOf(info.uid) === node.name) cluster.clearNomination(info.uid);
    else this.#observer.clearNomination(info, cycle.now);
    info.assumed = true;
    cluster.place(info, node.name);
    queue.on({ type: 'PodAssumed', pod: info }, cycle.now);
    const summary =
      feasible === 1
        ? `node ${node.name} fits`
        : `node ${node.name} is the best of ${feasible === undefined ? 'those' : feasible} that fit`;
    const binder = framework.binderOf(cycle, node);
    const decision: BindDecision = {
      type: 'Bind',
      pod: podRef(info),
      nodeName: node.name,
      ...(steps.length === 0 ? {} : { preBind: steps }),
      ...(binder === undefined ? {} : { binder }),
      explanation: { at: cycle.now, outcome: 'Bind', summary, filtered, scores, plans: [] },
    };
    queue.assume(entry);
    const permit = framework.permit(cycle, node);
    if (permit === 'allow') return [decision];
    if ('waits' in permit) {
      waiting.add(info, node.name, permit.waits);
      this.#withheld.set(info.uid, { entry, decision });
      return [];
    }
    return this.#takeBack(
      entry,
      node.name,
      {
        plugin: permit.plugin,
        message: `pod rejected by permit plugin ${permit.plugin}: ${permit.reasons.join(', ')}`,
      },
      cycle.now,
    );
  }

  /** Reserves and says what is to be written before the bind; on refusal nothing stays reserved. */
  #reserve(cycle: Cycle, framework: Framework, node: NodeInfo): readonly PreBindStep[] | Rejection {
    const refusal = framework.reserve(cycle, node);
    if (refusal !== undefined) return refusal;
    const steps = framework.preBind(cycle, node);
    if ('reasons' in steps) framework.unreserve(cycle.pod, node.name);
    return steps;
  }

  /** Gives up room that was assumed: the pod waits for an event that the plugin finds helpful. */
  #takeBack(
    entry: QueueEntry,
    nodeName: string,
    { plugin, message }: { plugin: string; message: string },
    now: number,
  ): Decision[] {
    const { queue } = this.#state;
    const { info } = entry;
    if (queue.get(info.uid) !== entry) return [];
    this.#observer.undoAssumed(info, nodeName, now);
    queue.reject(entry, [plugin], now);
    const explanation: Explanation = { at: now, outcome: 'Unschedulable', summary: message, ...NOTHING_TO_SHOW };
    return [{ type: 'Unschedulable', pod: podRef(info), message, clearNomination: false, explanation }];
  }

  /** Reserve refused: as upstream, nothing is tried elsewhere until something changes. */
  #turnDownAt(cycle: Cycle, entry: QueueEntry, node: NodeInfo, refusal: Rejection): Decision[] {
    const { queue } = this.#state;
    const clearNomination = this.#observer.clearNomination(entry.info, cycle.now);
    queue.reject(entry, [refusal.plugin], cycle.now);
    const message = `${refusal.plugin} refused node ${node.name}: ${refusal.reasons.join(', ')}`;
    const explanation: Explanation = { at: cycle.now, outcome: 'Unschedulable', summary: message, ...NOTHING_TO_SHOW };
    return [{ type: 'Unschedulable', pod: podRef(entry.info), message, clearNomination, explanation }];
  }

  #turnDown(
    cycle: Cycle,
    entry: QueueEntry,
    filters: readonly FilterPlugin[],
    rejections: readonly (Rejection | undefined)[],
  ): Decision[] {
    const { nodes } = this.#state.cluster;
    const remedy = this.#state.profileOf(entry.info).framework.postFilter(cycle, {
      nodes,
      rejections,
      filters,
      waitDeadline: entry.waitDeadline,
    });
    const plugins = new Set<string>();
    let isResolvable = false;
    const counted = countRejections(rejections);
    for (const rejection of counted.keys()) {
      plugins.add(rejection.plugin);
      isResolvable ||= rejection.resolvable;
    }
    // Without nodes nobody turned it down: it comes back with the first that takes pods at all.
    if (rejections.length === 0) plugins.add('NodeUnschedulable');
    // Where taking pods away could not help, news of possible victims does not either.
    if (isResolvable) plugins.add(INTERRUPTION);
    switch (remedy.type) {
      case 'Interrupt':
        return this.#interrupt(cycle, entry, remedy, rejections);
      case 'Wait':
        return this.#wait(cycle, entry, remedy, rejections, [...plugins]);
      case 'None':
        for (const plugin of remedy.plugins ?? []) plugins.add(plugin);
        return this.#refuse(cycle, entry, remedy, reasonsOf(counted), [...plugins]);
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
    const victims = plan.victims.filter(({ pod }) => !this.#withdraw(pod, info));
    for (const { pod, action } of victims) {
      orders.give(info.uid, pod.uid, { action, expiresAt: now + ORDER_TIMEOUT_MS });
    }
    queue.hold(entry, [], now);
    // Whoever only waited for permission has left by the end of this turn: the pod has its next one then.
    if (victims.length === 0) return displaced;
    const named = victims.map(({ pod, action }) => `${pod.key} (${action.toLowerCase()})`).join(', ');
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
      victims: victimDecisions({ ...plan, victims }),
      ...groupDecisions(plan),
      ...(remedy.reason === undefined ? {} : { reason: remedy.reason }),
      explanation,
    };
    return [decision, ...displaced];
  }

  /** Takes back the place of a victim that was never bound, for it waits for permission. Returns whether it was one. */
  #withdraw(victim: PodInfo, preemptor: PodInfo): boolean {
    const { waiting } = this.#state;
    if (waiting.get(victim.uid) === undefined) return false;
    waiting.reject(victim.uid, INTERRUPTION, `gives its place to ${preemptor.key}, which has a higher priority`);
    return true;
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
    reasons: ReadonlyMap<string, number>,
    plugins: readonly string[],
  ): Decision[] {
    const { queue, cluster } = this.#state;
    // Before it is back in the queue, lest its own withdrawal wakes it.
    const clearNomination = this.#observer.clearNomination(entry.info, cycle.now);
    queue.reject(entry, plugins, cycle.now, remedy.retryAt);
    const message = [unavailable(cluster.nodes.length, reasons, cycle.rejectedByAll), remedy.message]
      .filter((part) => part !== '')
      .join(' ');
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
}

function reasonsRecord(rejections: readonly (Rejection | undefined)[]): Record<string, number> {
  return Object.fromEntries(countReasons(rejections));
}
