import { isDeepStrictEqual } from 'node:util';
import { type Clock, type Random, rfc3339 } from '../../clock/index.ts';
import { type EventRecorder, isApiError, type ObjectStore, ReconcileLoop, Reflector } from '../../kubernetes/index.ts';
import {
  conditionOf,
  GROUP_FINALIZER,
  type GroupDecision,
  type GroupRestoration,
  isConditionTrue,
  isMemberOf,
  keyOf,
  type Log,
  matchesLabelSelector,
  NODES,
  type Node,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  type PodGroupCheckpoint,
  type PodGroupCheckpointStatus,
  restoreRoundOf,
  withCondition,
} from '../../model/index.ts';
import { failureOf, isPrepared, memberCheckpoint, membersOf } from './group-members.ts';
import { areStillBack, restoreStep } from './group-restore.ts';
import { groupConditions } from './group-status.ts';
import { withdrawnVote } from './group-votes.ts';

interface GroupDependencies {
  store: ObjectStore;
  clock: Clock;
  random: Random;
  log: Log;
  events: EventRecorder;
}

type Requeue = { requeueAfterMilliseconds: number } | undefined;

/** Seconds a PodCheckpoint may take when it does not say (KEP-5823); members have the same. */
const DEFAULT_TIMEOUT_SECONDS = 300;
/** How much longer than its members' dumps a group may take: their orders have to arrive. */
const GROUP_SLACK_MILLISECONDS = 5_000;
/** How long an aborted group is kept of which no checkpoint was ever made. */
const EMPTY_GROUP_MILLISECONDS = 3_600_000;
/** How often, while some have voted and others have not, is looked whether those that have are still there. */
const VOTE_CHECK_MILLISECONDS = 5_000;
/** How soon to look again when somebody else has written the object; the watch tells of it before, usually. */
const CONFLICT_RETRY_MILLISECONDS = 200;
/** How soon to look again when the server holds what the watch has not told of. */
const STALE_CACHE_RETRY_MILLISECONDS = 1_000;

/**
 * Carries out PodGroupCheckpoints: resolves the selector once, orders a checkpoint of every member, and decides. Members hold
 * their verified dumps, processes standing still, until the decision is in the group's status: `Committed` when every
 * member has voted (`Prepared`), `Aborted` when one has failed, is gone, also after its vote, or is late. The decision is tied to the version of the group
 * it was made from; a member that cannot keep its vote aborts the group before it says that it failed. So whoever dies
 * where, at the end all are checkpointed or all run on. Every step follows from the objects alone.
 */
export class GroupController {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: EventRecorder;
  readonly #groups: Reflector<PodGroupCheckpoint>;
  readonly #checkpoints: Reflector<PodCheckpoint>;
  readonly #loop: ReconcileLoop;
  readonly #stopping = new AbortController();

  constructor(dependencies: GroupDependencies) {
    this.#store = dependencies.store;
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.#events = dependencies.events;
    this.#loop = new ReconcileLoop(dependencies, {
      name: 'group',
      concurrency: 8,
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#groups = new Reflector<PodGroupCheckpoint>(dependencies, POD_GROUP_CHECKPOINTS, {
      onChange: (group) => this.#loop.enqueue(keyOf(group)),
    });
    const enqueueGroup = ({ metadata: { namespace }, spec: { group } }: PodCheckpoint): void => {
      if (group !== undefined) this.#loop.enqueue(keyOf({ metadata: { namespace, name: group } }));
    };
    this.#checkpoints = new Reflector<PodCheckpoint>(dependencies, POD_CHECKPOINTS, {
      onChange: enqueueGroup,
      onDelete: enqueueGroup,
    });
  }

  start(): void {
    this.#groups.start();
    this.#checkpoints.start();
    Promise.all([this.#groups.synced(this.#stopping.signal), this.#checkpoints.synced(this.#stopping.signal)]).then(
      () => this.#loop.start(),
      () => undefined, // only when stopped before the first list came
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the group controller stops'));
    await Promise.all([this.#groups.stop(), this.#checkpoints.stop(), this.#loop.stop()]);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Requeue> {
    const group = this.#groups.get(key);
    if (group === undefined) return undefined;
    try {
      return await this.#advance(group, signal);
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      if (isApiError(error, 'Conflict')) return { requeueAfterMilliseconds: CONFLICT_RETRY_MILLISECONDS };
      throw error;
    }
  }

  async #advance(group: PodGroupCheckpoint, signal: AbortSignal): Promise<Requeue> {
    const { decision, members } = group.status ?? {};
    const { deletionTimestamp, finalizers = [] } = group.metadata;
    if (deletionTimestamp !== undefined && !finalizers.includes(GROUP_FINALIZER)) return undefined;
    if (decision !== undefined) return this.#settle(group, signal);
    if (deletionTimestamp !== undefined) return this.#decide(group, 'Aborted', 'it is being deleted', signal);
    if (!finalizers.includes(GROUP_FINALIZER)) {
      await this.#patch(group, { metadata: { finalizers: [...finalizers, GROUP_FINALIZER] } }, signal);
      return undefined; // the watch brings it back, with the version to go on from
    }
    if (members === undefined) return this.#resolve(group, signal);
    return this.#follow(group, signal);
  }

  /** Once: from then on the group is the pods named in the status. */
  async #resolve(group: PodGroupCheckpoint, signal: AbortSignal): Promise<Requeue> {
    const { namespace } = group.metadata;
    const pods = await this.#store.list(PODS, { signal, ...(namespace !== undefined && { namespace }) });
    const selected = pods.items.filter(({ metadata }) => matchesLabelSelector(group.spec.selector, metadata.labels));
    const resolved = membersOf(group, selected);
    if ('reason' in resolved) return this.#decide(group, 'Aborted', resolved.reason, signal);
    const { members } = resolved;
    const message = `${members.length} pods are checkpointed together`;
    await this.#status(
      group,
      {
        ...group.status,
        members,
        conditions: withCondition(
          group.status?.conditions,
          { type: 'Ready', status: 'False', reason: 'CheckpointInProgress', message },
          rfc3339(this.#clock.now()),
        ),
      },
      signal,
    );
    this.#events.record(group, 'Normal', 'Checkpointing', message);
    return undefined;
  }

  /** Undecided: orders what is not ordered, and looks whether there is a decision to take. */
  async #follow(group: PodGroupCheckpoint, signal: AbortSignal): Promise<Requeue> {
    const named = group.status?.members ?? [];
    const members = this.#membersOf(group);
    const failure = members.map(failureOf).find((reason) => reason !== undefined);
    if (failure !== undefined) return this.#decide(group, 'Aborted', failure, signal);
    const deleted = members.find(({ metadata }) => metadata.deletionTimestamp !== undefined);
    if (deleted !== undefined) {
      return this.#decide(group, 'Aborted', `PodCheckpoint ${deleted.metadata.name} is being deleted`, signal);
    }
    const voters = members.filter(isPrepared);
    const withdrawn = await this.#withdrawnVote(voters, signal);
    if (withdrawn !== undefined) return this.#decide(group, 'Aborted', withdrawn, signal);
    if (voters.length === named.length) {
      return this.#decide(group, 'Committed', `all ${named.length} members are prepared`, signal);
    }
    const left = this.#deadlineOf(group) - this.#clock.now();
    if (left <= 0) {
      const ready = new Set(voters.map(({ metadata }) => metadata.name));
      const late = named.filter(({ podCheckpointName }) => !ready.has(podCheckpointName)).map(({ name }) => name);
      return this.#decide(group, 'Aborted', `not in time: ${late.join(', ')}`, signal);
    }
    const known = new Set(members.map(({ metadata }) => metadata.name));
    const missing = named.filter(({ podCheckpointName }) => !known.has(podCheckpointName));
    const refusals = await Promise.all(missing.map((member) => this.#order(group, member.podCheckpointName, signal)));
    const refusal = refusals.find((reason) => reason !== undefined);
    if (refusal !== undefined) return this.#decide(group, 'Aborted', refusal, signal);
    return { requeueAfterMilliseconds: voters.length > 0 ? Math.min(left, VOTE_CHECK_MILLISECONDS) : left };
  }

  /** By what the server says now: no watch tells of a node that has fallen silent. */
  async #withdrawnVote(voters: readonly PodCheckpoint[], signal: AbortSignal): Promise<string | undefined> {
    const [first] = voters;
    if (first === undefined) return undefined;
    const [pods, nodes] = await this.#podsAndNodes(first.metadata.namespace, signal);
    return withdrawnVote(voters, pods, nodes);
  }

  /** As the server has them now. */
  async #podsAndNodes(namespace: string | undefined, signal: AbortSignal): Promise<[pods: Pod[], nodes: Node[]]> {
    const [pods, nodes] = await Promise.all([
      this.#store.list(PODS, { signal, ...(namespace !== undefined && { namespace }) }),
      this.#store.list(NODES, { signal }),
    ]);
    return [pods.items, nodes.items];
  }

  /** Why the order cannot be given; undefined: it is given. */
  async #order(group: PodGroupCheckpoint, checkpointName: string, signal: AbortSignal): Promise<string | undefined> {
    const member = group.status?.members?.find(({ podCheckpointName }) => podCheckpointName === checkpointName);
    if (member === undefined) return undefined;
    const { namespace } = group.metadata;
    let pod: Pod;
    try {
      pod = await this.#store.get(PODS, { namespace, name: member.name }, { signal });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return `pod ${member.name} is gone`;
      throw error;
    }
    if (pod.metadata.uid !== member.uid) return `pod ${member.name} is another one now`;
    try {
      await this.#store.create(POD_CHECKPOINTS, memberCheckpoint(group, member, pod), { signal });
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
      const existing = await this.#store.get(POD_CHECKPOINTS, { namespace, name: checkpointName }, { signal });
      if (!isMemberOf(existing, group)) return `PodCheckpoint ${checkpointName} exists and is of something else`;
    }
    return undefined;
  }

  async #decide(
    group: PodGroupCheckpoint,
    verdict: GroupDecision['verdict'],
    message: string,
    signal: AbortSignal,
  ): Promise<undefined> {
    const now = this.#clock.now();
    const decision: GroupDecision = { verdict, message, time: rfc3339(now) };
    const decided = { ...group, status: { ...group.status, decision } };
    const conditions = groupConditions(decided, this.#membersOf(group), now);
    await this.#status(group, { ...decided.status, conditions }, signal);
    const isCommitted = verdict === 'Committed';
    this.#events.record(group, isCommitted ? 'Normal' : 'Warning', verdict, message);
    this.#log.info({ group: keyOf(group), verdict, reason: message }, 'group decided');
    return undefined;
  }

  /** Decided: says how far the members are, and lets the object go when none of them needs the decision any more. */
  async #settle(group: PodGroupCheckpoint, signal: AbortSignal): Promise<Requeue> {
    const members = this.#membersOf(group);
    if (await this.#restore(group, members, signal)) return undefined;
    const conditions = groupConditions(group, members, this.#clock.now());
    if (!isDeepStrictEqual(conditions, group.status?.conditions)) {
      await this.#status(group, { ...group.status, conditions }, signal);
      return undefined;
    }
    const { namespace, name, uid, finalizers = [], deletionTimestamp } = group.metadata;
    const isDeleted = deletionTimestamp !== undefined;
    if (!mayGo(members, isDeleted)) return undefined;
    if (!isDeleted) {
      if (conditionOf(conditions, 'Ready')?.reason === 'CheckpointInProgress') return undefined;
      // It says why nothing was checkpointed, to whoever asked for it.
      const left = Date.parse(group.status?.decision?.time ?? '') + EMPTY_GROUP_MILLISECONDS - this.#clock.now();
      if ((group.status?.members ?? []).length === 0 && left > 0) return { requeueAfterMilliseconds: left };
    }
    // A stalled watch may not have told of members, and with the group they would go too: what the server holds now decides.
    const current = await this.#currentMembersOf(group, signal);
    if (!mayGo(current, isDeleted)) return { requeueAfterMilliseconds: STALE_CACHE_RETRY_MILLISECONDS };
    if (!isDeleted) await this.#store.delete(POD_GROUP_CHECKPOINTS, { namespace, name }, { uid, signal });
    else {
      const rest = finalizers.filter((other) => other !== GROUP_FINALIZER);
      await this.#patch(group, { metadata: { finalizers: rest } }, signal);
    }
    return undefined;
  }

  /** Lets members that stand still until all are back go on, or gives the round up; true: it has written so. */
  async #restore(group: PodGroupCheckpoint, members: readonly PodCheckpoint[], signal: AbortSignal): Promise<boolean> {
    let next = restoreStep(group, members);
    if (next?.step === 'commit') {
      // What the watches show may be old, and this is final.
      const current = await this.#currentMembersOf(group, signal);
      next = restoreStep(group, current);
      const { namespace } = group.metadata;
      const [pods, nodes] = await this.#podsAndNodes(namespace, signal);
      if (next?.step === 'commit' && !areStillBack(current, pods, nodes)) return false;
    }
    if (next === undefined) return false;
    const { step, message } = next;
    const round = restoreRoundOf(group);
    const time = rfc3339(this.#clock.now());
    const restoration: GroupRestoration =
      step === 'commit' ? { round, verdict: 'Committed', message, time } : { round: round + 1, message, time };
    await this.#status(group, { ...group.status, restoration }, signal);
    const isCommitted = step === 'commit';
    this.#events.record(group, isCommitted ? 'Normal' : 'Warning', isCommitted ? 'GoesOn' : 'RestoreFailed', message);
    return true;
  }

  async #currentMembersOf(group: PodGroupCheckpoint, signal: AbortSignal): Promise<PodCheckpoint[]> {
    const { namespace } = group.metadata;
    const members: PodCheckpoint[] = [];
    for (const { podCheckpointName: name } of group.status?.members ?? []) {
      try {
        const checkpoint = await this.#store.get(POD_CHECKPOINTS, { namespace, name }, { signal });
        if (isMemberOf(checkpoint, group)) members.push(checkpoint);
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }
    return members;
  }

  #membersOf(group: PodGroupCheckpoint): PodCheckpoint[] {
    const { namespace } = group.metadata;
    return (group.status?.members ?? []).flatMap(({ podCheckpointName: name }) => {
      const checkpoint = this.#checkpoints.get(keyOf({ metadata: { namespace, name } }));
      return checkpoint !== undefined && isMemberOf(checkpoint, group) ? [checkpoint] : [];
    });
  }

  #deadlineOf({ spec, status, metadata }: PodGroupCheckpoint): number {
    const begun = conditionOf(status?.conditions, 'Ready')?.lastTransitionTime ?? metadata.creationTimestamp;
    return Date.parse(begun) + (spec.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000 + GROUP_SLACK_MILLISECONDS;
  }

  async #status(group: PodGroupCheckpoint, status: PodGroupCheckpointStatus, signal: AbortSignal): Promise<void> {
    await this.#patch(group, { status }, signal, 'status');
  }

  async #patch(
    group: PodGroupCheckpoint,
    patch: { metadata?: object; status?: object },
    signal: AbortSignal,
    subresource?: 'status',
  ): Promise<void> {
    const { namespace, name, uid, resourceVersion } = group.metadata;
    await this.#store.patch(
      POD_GROUP_CHECKPOINTS,
      { namespace, name },
      { ...patch, metadata: { ...patch.metadata, uid, resourceVersion } },
      { signal, ...(subresource !== undefined && { subresource }) },
    );
  }
}

/** Whether no member needs the decision any more; unless somebody deleted the group, it stays as long as there are members. */
function mayGo(members: readonly PodCheckpoint[], isDeleted: boolean): boolean {
  if (!isDeleted) return members.length === 0;
  return members.every(
    (member) =>
      isConditionTrue(member.status?.conditions, 'Ready') ||
      failureOf(member) !== undefined ||
      member.status?.nodeName === undefined,
  );
}
