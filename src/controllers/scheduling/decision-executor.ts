import type { Clock, Random } from '../../clock/index.ts';
import { rfc3339 } from '../../clock/index.ts';
import { type EventRecorder, isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import {
  conditionOf,
  DECISION_ANNOTATION,
  isTerminal,
  keyOf,
  type Log,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  reasonOf,
  withCondition,
} from '../../model/index.ts';
import type {
  ClusterEvent,
  Decision,
  Explanation,
  PodRef,
  VictimDecision,
  VictimGroupDecision,
} from '../../scheduling/index.ts';
import { isDefinite } from './definite-refusal.ts';
import { type CheckpointOrder, draftCheckpoint } from './draft-checkpoint.ts';
import { GroupOrders } from './group-orders.ts';
import { PodBinder } from './pod-binder.ts';
import { PreBindWriter } from './pre-bind-writer.ts';
import { type Order, UnseenOrders } from './unseen-orders.ts';
import { VictimTerminator } from './victim-terminator.ts';
import { WriteLanes } from './write-lanes.ts';

export interface ExecutorContext {
  checkpointsOf(podUID: string): readonly PodCheckpoint[];
  /** By `namespace/name`, as far as the watch has told. */
  checkpointOf(key: string): PodCheckpoint | undefined;
  podOf(key: string): Pod | undefined;
  onFailure(event: ClusterEvent): void;
  /** The server took the bind. */
  onBound?(pod: PodRef): void;
  signal: AbortSignal;
}

/** Between two tries of a write whose answer never came: it may have happened, so it must be found out. */
const UNCERTAIN_RETRY_MILLISECONDS = 100;

/** Carries out what the engine decided, and reports back by event what could not be carried out. */
export class DecisionExecutor {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: EventRecorder;
  readonly #context: ExecutorContext;
  /** Pod UID → what was decided on last and is not being carried out yet. */
  readonly #latest = new Map<string, Decision>();
  readonly #lanes = new WriteLanes();
  readonly #binder: PodBinder;
  readonly #preBind: PreBindWriter;
  readonly #terminator: VictimTerminator;
  readonly #unseen: UnseenOrders;
  /** To be told of changes of PodGroupCheckpoints. */
  readonly groupOrders: GroupOrders;

  constructor(
    dependencies: { store: ObjectStore; clock: Clock; random: Random; log: Log; events: EventRecorder },
    context: ExecutorContext,
  ) {
    this.#store = dependencies.store;
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.#events = dependencies.events;
    this.#context = context;
    this.#binder = new PodBinder(dependencies);
    this.#preBind = new PreBindWriter(dependencies);
    this.#terminator = new VictimTerminator(dependencies);
    this.groupOrders = new GroupOrders(dependencies, (event) => context.onFailure(event));
    this.#unseen = new UnseenOrders(dependencies.store, {
      checkpoint: (key) => context.checkpointOf(key) !== undefined,
      victim: ({ victim }) => {
        const pod = context.podOf(nameOf(victim));
        return pod?.metadata.uid === victim.uid && !isTerminal(pod);
      },
    });
  }

  execute(decision: Decision): void {
    const { uid } = decision.pod;
    this.#latest.set(uid, decision);
    void this.#lanes.run(uid, async () => {
      const latest = this.#latest.get(uid);
      if (latest === decision) this.#latest.delete(uid);
      // A status that waited while a newer one was decided on says nothing any more.
      if (this.#context.signal.aborted || (latest !== undefined && isSupersededBy(decision, latest))) return;
      try {
        await this.#carryOut(decision);
      } catch (error) {
        if (this.#context.signal.aborted || isApiError(error, 'NotFound')) return;
        this.#log.warn(
          { pod: nameOf(decision.pod), decision: decision.type, error: reasonOf(error) },
          'a decision could not be recorded; it will be taken again',
        );
      }
    });
  }

  /** To be called with each change of a PodCheckpoint. */
  checkpointChanged(checkpoint: PodCheckpoint): void {
    this.#unseen.told(keyOf(checkpoint));
  }

  idle(): Promise<void> {
    return this.#lanes.idle();
  }

  async #carryOut(decision: Decision): Promise<void> {
    switch (decision.type) {
      case 'Bind':
        return this.#bind(decision);
      case 'Interrupt':
        return this.#interrupt(decision);
      case 'Reclaim':
      case 'Move':
        return this.#interruptForNobody(decision);
      case 'Wait':
        return this.#report(decision.pod, decision.explanation, {
          message: decision.explanation.summary,
          nominatedNodeName: decision.nodeName,
        });
      case 'Unschedulable':
        return this.#report(decision.pod, decision.explanation, {
          message: decision.message,
          ...(decision.clearNomination ? { nominatedNodeName: null } : {}),
        });
    }
  }

  async #bind({ pod, nodeName, preBind = [] }: Extract<Decision, { type: 'Bind' }>): Promise<void> {
    const { signal } = this.#context;
    const failure = await this.#preBind.write(preBind, signal);
    if (failure !== undefined) {
      const { plugin, reason } = failure;
      this.#log.warn({ pod: nameOf(pod), plugin, reason }, 'what has to be written before a bind was refused');
      this.#context.onFailure({ type: 'BindFailed', uid: pod.uid, reason, plugins: [plugin] });
      return;
    }
    const refusal = await this.#binder.bind(pod, nodeName, {
      seen: this.#context.podOf(nameOf(pod)),
      holdsRoom: async () => {
        const held = await this.#unseen.holding(nodeName, signal);
        return held === undefined ? undefined : `checkpoint ${held} has not confirmed its room free`;
      },
      signal,
    });
    if (refusal !== undefined) {
      this.#log.warn({ pod: nameOf(pod), node: nodeName, reason: refusal }, 'bind was refused');
      this.#context.onFailure({ type: 'BindFailed', uid: pod.uid, reason: refusal });
      return;
    }
    this.#context.onBound?.(pod);
    this.#eventOn(pod, 'Normal', 'Scheduled', `Successfully assigned ${nameOf(pod)} to ${nodeName}`);
  }

  async #interrupt(decision: Extract<Decision, { type: 'Interrupt' }>): Promise<void> {
    const { pod, nodeName, victims, explanation } = decision;
    // The orders go out first, and together: the dump is what the preemptor waits for, the rest is for people to read.
    const groups = (decision.groups ?? []).filter(({ action }) => action === 'Checkpoint');
    const inGroups = new Set(groups.flatMap(({ members }) => members.map(({ uid }) => uid)));
    const orders = [
      ...groups.map((group) => this.#orderGroup(group, decision)),
      ...victims.filter(({ pod: { uid } }) => !inGroups.has(uid)).map((victim) => this.#order(victim, decision)),
    ];
    const nomination = this.#report(pod, explanation, { message: explanation.summary, nominatedNodeName: nodeName });
    await Promise.all([...orders, nomination]);
  }

  async #order(victim: VictimDecision, decision: Extract<Decision, { type: 'Interrupt' }>): Promise<void> {
    const preemptor = decision.pod;
    try {
      if (victim.action === 'Checkpoint') await this.#orderCheckpoint(victim, { ...decision, preemptor });
      else await this.#terminator.terminate(victim, preemptor, this.#context.signal);
      this.#eventOn(
        victim.pod,
        'Normal',
        'Preempted',
        `${victim.action === 'Checkpoint' ? 'To be checkpointed' : 'To be terminated'} on node ${decision.nodeName} to make room for ${nameOf(preemptor)}`,
      );
    } catch (error) {
      if (this.#context.signal.aborted) return;
      // A victim that is gone needs no order to end; its deletion reaches the engine by the watch.
      if (victim.action === 'Terminate' && isApiError(error, 'NotFound')) return;
      this.#log.warn(
        { victim: nameOf(victim.pod), preemptor: nameOf(preemptor), error: reasonOf(error) },
        'interruption was refused',
      );
      this.#context.onFailure({
        type: 'InterruptionFailed',
        preemptorUID: preemptor.uid,
        victimUID: victim.pod.uid,
        reason: reasonOf(error),
      });
    }
  }

  /** One order for all members: they are checkpointed together or not at all. */
  async #orderGroup(
    group: VictimGroupDecision,
    { pod: preemptor, nodeName, explanation }: Extract<Decision, { type: 'Interrupt' }>,
  ): Promise<void> {
    let asked: Order[] = [];
    const asking = (orders: Order[]): void => {
      for (const order of asked) this.#unseen.refused(order);
      asked = orders;
      for (const order of orders) this.#unseen.ask(order);
    };
    const nodeOf = (victim: PodRef): string => this.#context.podOf(nameOf(victim))?.spec.nodeName ?? nodeName;
    try {
      await this.groupOrders.give({ group, preemptor, explanation, nodeOf, asking }, this.#context.signal);
      for (const order of asked) this.#unseen.stands(order);
      for (const victim of group.members) {
        const what = `To be checkpointed with its group ${group.name} to make room for ${nameOf(preemptor)}`;
        this.#eventOn(victim, 'Normal', 'Preempted', what);
      }
    } catch (error) {
      if (this.#context.signal.aborted) return;
      for (const order of asked) this.#unseen.refused(order);
      const reason = reasonOf(error);
      this.#log.warn({ group: group.name, preemptor: nameOf(preemptor), error: reason }, 'interruption was refused');
      for (const { uid } of group.members) {
        this.#context.onFailure({
          type: 'InterruptionFailed',
          preemptorUID: preemptor.uid,
          victimUID: uid,
          reason,
        });
      }
    }
  }

  /** Takes room back from an opportunistic pod, or moves one: for nobody in particular. */
  async #interruptForNobody(decision: Extract<Decision, { type: 'Reclaim' | 'Move' }>): Promise<void> {
    const { type, victim, nodeName, orderedBy, explanation } = decision;
    try {
      const order = { nodeName, explanation };
      const how = type === 'Move' ? ({ reason: 'Migration' } as const) : { freezeAtOnce: true };
      await this.#orderCheckpoint(victim, { ...order, ...how });
      const reason = type === 'Move' ? 'Migrating' : 'Reclaimed';
      this.#eventOn(victim.pod, 'Normal', reason, `To be checkpointed: ${explanation.summary}`);
    } catch (error) {
      if (this.#context.signal.aborted) return;
      const reason = reasonOf(error);
      this.#log.warn({ victim: nameOf(victim.pod), decision: type, error: reason }, 'interruption was refused');
      this.#context.onFailure({
        type: 'InterruptionFailed',
        preemptorUID: orderedBy,
        victimUID: victim.pod.uid,
        reason,
      });
    }
  }

  async #orderCheckpoint(
    victim: VictimDecision,
    decision: {
      nodeName: string;
      explanation: Explanation;
      preemptor?: PodRef;
      reason?: CheckpointOrder['reason'];
      freezeAtOnce?: boolean;
    },
  ): Promise<void> {
    const source = this.#context.podOf(nameOf(victim.pod));
    for (let number = this.#context.checkpointsOf(victim.pod.uid).length + 1; ; number++) {
      const draft = draftCheckpoint({
        victim,
        source,
        number,
        explanation: decision.explanation,
        ...(decision.preemptor === undefined ? {} : { preemptor: decision.preemptor }),
        ...(decision.reason === undefined ? {} : { reason: decision.reason }),
        ...(decision.freezeAtOnce === undefined ? {} : { freezeAtOnce: decision.freezeAtOnce }),
      });
      const { namespace, name = '' } = draft.metadata;
      const order = { key: `${namespace}/${name}`, nodeName: decision.nodeName, victim: victim.pod };
      this.#unseen.ask(order);
      try {
        if (await this.#isOrdered(draft, decision.preemptor)) {
          this.#unseen.stands(order);
          return;
        }
      } catch (error) {
        this.#unseen.refused(order);
        throw error;
      }
      this.#unseen.refused(order);
    }
  }

  /** False: the name is taken, by an order that is not this one. Throws what the server refused, and nothing less certain. */
  async #isOrdered(draft: ReturnType<typeof draftCheckpoint>, preemptor: PodRef | undefined): Promise<boolean> {
    const { signal } = this.#context;
    const { namespace, name = '' } = draft.metadata;
    for (let exists = false; ; ) {
      try {
        if (!exists) {
          await this.#store.create(POD_CHECKPOINTS, draft, { signal });
          return true;
        }
        // The answer to an earlier try may have been lost: the same order stands already.
        const existing = await this.#store.get(POD_CHECKPOINTS, { namespace, name }, { signal });
        const pending = conditionOf(existing.status?.conditions, 'Ready')?.reason !== 'CheckpointFailed';
        return existing.spec.preemptor?.uid === preemptor?.uid && pending;
      } catch (error) {
        if (isApiError(error, 'AlreadyExists', 'NotFound') && exists !== isApiError(error, 'AlreadyExists')) {
          exists = !exists;
          continue;
        }
        if (signal.aborted || isDefinite(error)) throw error;
      }
      // No answer: the order may stand, or come to stand when nobody reckons with it. It must be found out.
      await this.#clock.sleep(UNCERTAIN_RETRY_MILLISECONDS, signal);
    }
  }

  /** Each write names what it was decided on: one that comes late, for another leads by now, is refused. */
  /** Writes why the pod is not running yet: condition PodScheduled, nomination, the decision's numbers, an event. */
  async #report(
    ref: PodRef,
    explanation: Explanation,
    outcome: { message: string; nominatedNodeName?: string | null },
  ): Promise<void> {
    const signal = this.#context.signal;
    const known = this.#context.podOf(nameOf(ref));
    if (known === undefined || known.metadata.uid !== ref.uid) return;
    const previous = conditionOf(known.status?.conditions, 'PodScheduled');
    const nomination = outcome.nominatedNodeName;
    const sameNomination = nomination === undefined || (nomination ?? undefined) === known.status?.nominatedNodeName;
    if (previous?.status === 'False' && previous.message === outcome.message && sameNomination) return;
    // The node and the controllers write conditions too, and the cache may lag behind: a lost update would forget theirs.
    let reported: Pod;
    for (let current = known; ; ) {
      const conditions = withCondition(
        current.status?.conditions,
        { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: outcome.message },
        rfc3339(this.#clock.now()),
      );
      const { resourceVersion } = current.metadata;
      const status = { conditions, ...(nomination === undefined ? {} : { nominatedNodeName: nomination }) };
      try {
        const patch = { metadata: { uid: ref.uid, resourceVersion }, status };
        reported = await this.#store.patch(PODS, ref, patch, { subresource: 'status', signal });
        break;
      } catch (error) {
        if (!isApiError(error, 'Conflict')) throw error;
      }
      current = await this.#store.get(PODS, ref, { signal });
      if (current.metadata.uid !== ref.uid || current.spec.nodeName !== undefined) return;
    }
    await this.#explain(reported, explanation);
    this.#eventOn(ref, 'Warning', 'FailedScheduling', outcome.message);
  }

  async #explain(pod: Pod, explanation: Explanation): Promise<void> {
    const signal = this.#context.signal;
    const annotations = { [DECISION_ANNOTATION]: JSON.stringify(explanation) };
    for (let { uid, resourceVersion } = pod.metadata; ; ) {
      try {
        await this.#store.patch(PODS, pod.metadata, { metadata: { uid, resourceVersion, annotations } }, { signal });
        return;
      } catch (error) {
        if (!isApiError(error, 'Conflict')) throw error;
      }
      const current = await this.#store.get(PODS, pod.metadata, { signal });
      if (current.metadata.uid !== uid) return;
      ({ resourceVersion } = current.metadata);
    }
  }

  #eventOn(ref: PodRef, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const pod = this.#context.podOf(nameOf(ref));
    if (pod?.metadata.uid === ref.uid) this.#events.record(pod, type, reason, message);
  }
}

/** Whether the one only tells the pod why it waits, and the other, which came after it, tells all of that anew. */
function isSupersededBy(decision: Decision, latest: Decision): boolean {
  if (decision === latest) return false;
  if (decision.type === 'Unschedulable') return !decision.clearNomination;
  return decision.type === 'Wait' && latest.type !== 'Unschedulable';
}

function nameOf(pod: { namespace: string; name: string }): string {
  return `${pod.namespace}/${pod.name}`;
}
