import { type Clock, type Random, rfc3339 } from '../../clock/index.ts';
import { type EventRecorder, isApiError, type ObjectStore, ReconcileLoop, Reflector } from '../../kubernetes/index.ts';
import {
  adviceOf,
  type Condition,
  conditionOf,
  FermataError,
  isConditionTrue,
  isHeld,
  isMemberOf,
  keyOf,
  type Log,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  type PodCheckpointStatus,
  type PodGroupCheckpoint,
  RESTORE_FROM_ANNOTATION,
  RESTORED_CONDITION,
  withCondition,
} from '../../model/index.ts';
import { ControlledWorkloads } from '../identity/controlled-workloads.ts';
import { GoneIncarnations } from './gone-incarnations.ts';
import { Incarnations, isReplacedByController, type NextPod } from './incarnations.ts';
import { giveOwnImagesBack } from './own-images.ts';
import { deleteSource, FROZEN_POD_GRACE_SECONDS } from './source-deletion.ts';
import type { WorkloadMetrics } from './workload-metrics.ts';

export interface ControllerDependencies {
  store: ObjectStore;
  clock: Clock;
  random: Random;
  log: Log;
  events: EventRecorder;
  metrics?: WorkloadMetrics;
  knowsGates?: (signal: AbortSignal) => Promise<boolean>;
}

/** First wait after a failed restore; it doubles with each failure in a row. */
const RESTORE_BACKOFF_MILLISECONDS = 10_000;
/** Longest wait between two tries of a restore: whatever kept it from working may be repaired at any time. */
const RESTORE_BACKOFF_LIMIT_MILLISECONDS = 300_000;
/** How soon to create a pod again that the server refused. */
const RECREATE_RETRY_MILLISECONDS = 30_000;
/** How soon to look again whether a watch that lags behind the server has caught up; its news usually come before. */
const STALE_CACHE_RETRY_MILLISECONDS = 1_000;
/** How soon to ask again whether a node that is not heard of may still run a pod that was taken from it. */
const DOUBTFUL_RETRY_MILLISECONDS = 10_000;

type Again = { requeueAfterMilliseconds?: number } | undefined;
type Restoration = NonNullable<PodCheckpointStatus['restoration']>;

/**
 * Follows every checkpoint that stops its pod from `Ready` to `Restored`: deletes the source pod (and only that pod), and
 * once the agent has seen its resources free, creates the next incarnation; when a restore fails, the one after it. Each
 * step is derived from the objects as they are, so it may be cut off anywhere and run again.
 */
export class InterruptionController {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: EventRecorder;
  readonly #checkpoints: Reflector<PodCheckpoint>;
  readonly #pods: Reflector<Pod>;
  readonly #groups: Reflector<PodGroupCheckpoint>;
  readonly #loop: ReconcileLoop;
  readonly #stopping = new AbortController();
  readonly #gone: GoneIncarnations;
  readonly #controlled: ControlledWorkloads;
  readonly #incarnations: Incarnations;

  constructor(dependencies: ControllerDependencies) {
    this.#store = dependencies.store;
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.#events = dependencies.events;
    this.#gone = new GoneIncarnations(dependencies);
    this.#controlled = new ControlledWorkloads(dependencies.store);
    this.#incarnations = new Incarnations(dependencies, this.#controlled);
    this.#loop = new ReconcileLoop(dependencies, {
      name: 'interruption',
      concurrency: 8,
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#checkpoints = new Reflector<PodCheckpoint>(dependencies, POD_CHECKPOINTS, {
      onChange: (checkpoint) => this.#loop.enqueue(keyOf(checkpoint)),
    });
    dependencies.metrics?.follow(this.#checkpoints, this.#stopping.signal);
    this.#groups = new Reflector<PodGroupCheckpoint>(dependencies, POD_GROUP_CHECKPOINTS, {
      optional: true,
      onChange: ({ metadata: { namespace }, status }) => {
        for (const { podCheckpointName: name } of status?.members ?? []) {
          this.#loop.enqueue(keyOf({ metadata: { namespace, name } }));
        }
      },
    });
    this.#pods = new Reflector<Pod>(dependencies, PODS, {
      onChange: (pod) => this.#enqueueCheckpointsOf(pod),
      onDelete: (pod) => {
        this.#gone.observe(pod);
        this.#enqueueCheckpointsOf(pod);
      },
    });
  }

  start(): void {
    this.#checkpoints.start();
    this.#pods.start();
    this.#groups.start();
    const all = [this.#checkpoints, this.#pods, this.#groups];
    Promise.all(all.map((each) => each.synced(this.#stopping.signal))).then(
      () => this.#loop.start(),
      () => undefined, // only when stopped before the first list came
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the interruption controller stops'));
    await Promise.all([this.#checkpoints.stop(), this.#pods.stop(), this.#groups.stop(), this.#loop.stop()]);
  }

  #enqueueCheckpointsOf(pod: Pod): void {
    const namespace = pod.metadata.namespace;
    const from = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION];
    if (from !== undefined) this.#loop.enqueue(`${namespace}/${from}`);
    for (const checkpoint of this.#checkpoints.items()) {
      if (checkpoint.metadata.namespace === namespace && checkpoint.spec.sourcePod.name === pod.metadata.name) {
        this.#loop.enqueue(keyOf(checkpoint));
      }
    }
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Again> {
    const checkpoint = this.#checkpoints.get(key);
    if (checkpoint === undefined || checkpoint.spec.postCheckpointState !== 'Stopped') return undefined;
    const conditions = checkpoint.status?.conditions;
    const source = this.#sourceOf(checkpoint);
    await this.#controlled.follow(checkpoint, source, signal);
    if (!isConditionTrue(conditions, 'Ready')) return undefined;
    if (!isConditionTrue(conditions, 'Released')) {
      return deleteSource({ store: this.#store, controlled: this.#controlled }, checkpoint, source, signal);
    }
    if (checkpoint.spec.restore === 'Never') return undefined;
    if (isConditionTrue(conditions, 'Restored')) return this.#followRestored(checkpoint, signal);
    const restored = conditionOf(conditions, 'Restored');
    if (restored?.reason === 'Abandoned') return undefined;
    if (restored?.reason === 'Suspended') return this.#watchIncarnation(checkpoint, signal);
    if (restored?.reason === 'RestoreFailed' && (await this.#removeFailedIncarnation(checkpoint, signal))) {
      return undefined;
    }
    if (!(await this.#isGroupReleased(checkpoint, signal))) return undefined;
    return this.#createIncarnation(checkpoint, signal);
  }

  async #followRestored({ metadata: { namespace }, status }: PodCheckpoint, signal: AbortSignal): Promise<undefined> {
    const { podName: name, podUID } = status?.restoration ?? {};
    const pod = name === undefined ? undefined : this.#pods.get(keyOf({ metadata: { namespace, name } }));
    if (pod === undefined || pod.metadata.uid !== podUID) return;
    await giveOwnImagesBack({ store: this.#store, events: this.#events }, pod, signal);
  }

  /** The pods of a group come back together: not while one of them is still on its way out. */
  async #isGroupReleased(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<boolean> {
    const { group: name } = checkpoint.spec;
    if (name === undefined) return true;
    const { namespace } = checkpoint.metadata;
    const seen = this.#groups.get(keyOf({ metadata: { namespace, name } }));
    try {
      const group = seen ?? (await this.#store.get(POD_GROUP_CHECKPOINTS, { namespace, name }, { signal }));
      return !isMemberOf(checkpoint, group) || isConditionTrue(group.status?.conditions, 'Released');
    } catch (error) {
      // It goes only when all its members are over.
      if (isApiError(error, 'NotFound')) return true;
      throw error;
    }
  }

  #sourceOf({ metadata: { namespace }, spec: { sourcePod } }: PodCheckpoint): Pod | undefined {
    return this.#pods.get(keyOf({ metadata: { namespace, name: sourcePod.name } }));
  }

  /** Step 6: the workload waits as a pod of its own, by which its owner sees it, holds it or gives it up. */
  async #createIncarnation(seen: PodCheckpoint, signal: AbortSignal): Promise<Again> {
    // A stalled watch may show a workload as waiting that was restored, finished and removed long ago: creating its pod
    // again would run it twice. So what the server holds now decides, not the cache.
    const checkpoint = await this.#store.get(
      POD_CHECKPOINTS,
      { namespace: seen.metadata.namespace, name: seen.metadata.name },
      { signal },
    );
    if (checkpoint.metadata.resourceVersion !== seen.metadata.resourceVersion) {
      return { requeueAfterMilliseconds: STALE_CACHE_RETRY_MILLISECONDS };
    }
    let next: NextPod;
    try {
      next = await this.#incarnations.of(checkpoint, signal);
    } catch (error) {
      if (!(error instanceof FermataError) || isApiError(error, 'ServiceUnavailable', 'Timeout', 'TooManyRequests'))
        throw error;
      // For instance a priority class or a quota that is no more: people must mend it, the state waits for them.
      this.#events.record(
        checkpoint,
        'Warning',
        'RecreateFailed',
        `pod ${checkpoint.spec.sourcePod.name} cannot be created again; its state is kept, and it is tried again: ${adviceOf(error)}`,
      );
      return { requeueAfterMilliseconds: RECREATE_RETRY_MILLISECONDS };
    }
    if (next.type === 'Abandoned') return this.#abandon(checkpoint, next.message, signal);
    if (next.type === 'Waits') {
      this.#events.record(checkpoint, 'Warning', next.reason, next.message);
      return { requeueAfterMilliseconds: next.againAfterMilliseconds };
    }
    const { pod } = next;
    const held = isHeld(pod);
    const message = held
      ? `suspended until resumed: fermata resume pod/${pod.metadata.name}`
      : `suspended; waits for room as pod ${pod.metadata.name} (${pod.metadata.uid})`;
    await this.#writeStatus(
      checkpoint,
      { type: 'Restored', status: 'False', reason: 'Suspended', message },
      { ...checkpoint.status?.restoration, podName: pod.metadata.name, podUID: pod.metadata.uid },
      signal,
    );
    this.#events.record(
      pod,
      'Normal',
      'Suspended',
      `Checkpoint ${checkpoint.metadata.name} holds its state; ${message}`,
    );
    return undefined;
  }

  async #abandon(checkpoint: PodCheckpoint, message: string, signal: AbortSignal): Promise<undefined> {
    const { sourcePod } = checkpoint.spec;
    await this.#writeStatus(
      checkpoint,
      { type: 'Restored', status: 'False', reason: 'Abandoned', message },
      checkpoint.status?.restoration ?? { podName: sourcePod.name },
      signal,
    );
    this.#events.record(checkpoint, 'Normal', 'Abandoned', message);
    return undefined;
  }

  /**
   * `kubectl get pods` shows `Suspended` instead of `Pending`. Only for people, and the scheduler writes into the same status
   * at the same moment: a conflict is let be, for the change it came from brings the checkpoint back here.
   */
  async #showSuspended(pod: Pod, message: string | undefined, signal: AbortSignal): Promise<void> {
    if (pod.spec.nodeName !== undefined || pod.status?.reason === 'Suspended') return;
    const { namespace, name, uid, resourceVersion } = pod.metadata;
    try {
      await this.#store.patch(
        PODS,
        { namespace, name },
        { metadata: { uid, resourceVersion }, status: { reason: 'Suspended', message } },
        { subresource: 'status', signal },
      );
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    }
  }

  /** Watches the waiting incarnation: it may fail to restore, or its owner may delete it. */
  async #watchIncarnation(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<Again> {
    const restoration = checkpoint.status?.restoration;
    if (restoration?.podUID === undefined) return undefined;
    const key = { namespace: checkpoint.metadata.namespace, name: restoration.podName };
    const seen = this.#pods.get(keyOf({ metadata: key }));
    const pod = seen?.metadata.uid === restoration.podUID ? seen : await this.#current(key, signal);
    if (pod === undefined || pod.metadata.uid !== restoration.podUID) {
      return this.#recordGone(checkpoint, restoration, signal);
    }
    const failed = conditionOf(pod.status?.conditions, RESTORED_CONDITION);
    if (failed?.status !== 'False') {
      await this.#showSuspended(pod, conditionOf(checkpoint.status?.conditions, 'Restored')?.message, signal);
      return undefined;
    }
    await this.#recordFailure(checkpoint, pod, failed.message ?? 'the restore failed', signal);
    return undefined;
  }

  async #recordGone(checkpoint: PodCheckpoint, restoration: Restoration, signal: AbortSignal): Promise<Again> {
    const { podName, podUID = '' } = restoration;
    const fate = await this.#gone.fateOf(podUID, signal);
    if (fate === 'Doubtful') return { requeueAfterMilliseconds: DOUBTFUL_RETRY_MILLISECONDS };
    // A controller makes another one at once; what its deletion means for the workload, the owner itself shows.
    const isGivenUp = fate === 'GivenUp' && !isReplacedByController(checkpoint);
    const reason = isGivenUp ? 'Abandoned' : 'RestoreFailed';
    const message = isGivenUp
      ? `pod ${podName} was deleted while it was suspended: its state is kept for a while, then let go`
      : `pod ${podName} is gone before it was restored, and not by its owner; it is created again`;
    await this.#writeStatus(checkpoint, { type: 'Restored', status: 'False', reason, message }, restoration, signal);
    this.#gone.forget(podUID);
    this.#events.record(checkpoint, 'Normal', isGivenUp ? 'Abandoned' : 'Disrupted', message);
    return undefined;
  }

  /** The cache may lag behind; what leads to giving up state is read from the server itself. */
  async #current(key: { namespace: string | undefined; name: string }, signal: AbortSignal): Promise<Pod | undefined> {
    try {
      return await this.#store.get(PODS, key, { signal });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #recordFailure(checkpoint: PodCheckpoint, pod: Pod, reason: string, signal: AbortSignal): Promise<void> {
    const restoration = checkpoint.status?.restoration;
    const failures = (restoration?.failures ?? 0) + 1;
    const wait = Math.min(RESTORE_BACKOFF_MILLISECONDS * 2 ** (failures - 1), RESTORE_BACKOFF_LIMIT_MILLISECONDS);
    const avoidNodes = [
      ...new Set([...(restoration?.avoidNodes ?? []), ...(pod.spec.nodeName ? [pod.spec.nodeName] : [])]),
    ];
    await this.#writeStatus(
      checkpoint,
      {
        type: 'Restored',
        status: 'False',
        reason: 'RestoreFailed',
        message: `try ${failures} on node ${pod.spec.nodeName ?? 'unknown'} failed: ${reason}; next try in ${wait / 1000} s, elsewhere where possible`,
      },
      {
        podName: pod.metadata.name,
        podUID: pod.metadata.uid,
        failures,
        lastFailure: reason,
        avoidNodes,
        notBefore: rfc3339(this.#clock.now() + wait),
      },
      signal,
    );
    this.#events.record(
      checkpoint,
      'Warning',
      'RestoreFailed',
      `Restore on node ${pod.spec.nodeName} failed: ${reason}`,
    );
    this.#log.warn(
      { checkpoint: keyOf(checkpoint), pod: keyOf(pod), node: pod.spec.nodeName, failures, reason },
      'a restore failed; the workload stays suspended and is tried again',
    );
  }

  /** True while the incarnation that failed is still there (its deletion brings this checkpoint back here). */
  async #removeFailedIncarnation(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<boolean> {
    const restoration = checkpoint.status?.restoration;
    if (restoration?.podUID === undefined) return false;
    const key = { namespace: checkpoint.metadata.namespace, name: restoration.podName };
    const pod = await this.#current(key, signal);
    if (pod?.metadata.uid !== restoration.podUID) return false;
    if (pod.metadata.deletionTimestamp === undefined) {
      try {
        await this.#controlled.beforeDeletion(checkpoint, pod, signal);
        await this.#store.delete(PODS, key, {
          uid: restoration.podUID,
          gracePeriodSeconds: FROZEN_POD_GRACE_SECONDS,
          signal,
        });
      } catch (error) {
        if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
      }
    }
    return (await this.#current(key, signal))?.metadata.uid === restoration.podUID;
  }

  async #writeStatus(
    checkpoint: PodCheckpoint,
    condition: Condition,
    restoration: Restoration,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace, name, uid, resourceVersion } = checkpoint.metadata;
    if (namespace === undefined) {
      throw new FermataError('CheckpointWithoutNamespace', `checkpoint ${name} has no namespace`);
    }
    await this.#store.patch(
      POD_CHECKPOINTS,
      { namespace, name },
      {
        // The agent writes conditions too: a lost update would forget one of them.
        metadata: { uid, resourceVersion },
        status: {
          conditions: withCondition(checkpoint.status?.conditions, condition, rfc3339(this.#clock.now())),
          restoration,
        },
      },
      { subresource: 'status', signal },
    );
  }
}
