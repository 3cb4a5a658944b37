import {
  type ExpendableCheckpoint,
  type OverLimit,
  planRetention,
  type RetentionPlan,
} from '../../checkpoint/index.ts';
import type { Clock } from '../../clock/index.ts';
import { type EventRecorder, isApiError, type ObjectStore, ReconcileLoop, Reflector } from '../../kubernetes/index.ts';
import {
  INTERRUPTION_POLICIES,
  type InterruptionPolicy,
  isTerminal,
  keyOf,
  type Log,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  type ResourceType,
  workloadOfCheckpoint,
  workloadOfPod,
} from '../../model/index.ts';
import type { ControllerDependencies } from '../interruption/interruption-controller.ts';
import { ORPHANED } from './cluster-retention.ts';
import { labelsOf, overLimits } from './limits-view.ts';
import { RetentionPolicies, unreadableLimits } from './retention-policies.ts';
import { WorkloadIndex } from './workload-index.ts';
import { retainedCheckpoint, retainedWorkload } from './workload-view.ts';

/**
 * Lets checkpoints go that nobody needs any more, by the rules of the checkpoint room. It only asks for the deletion of
 * the object; the agent's finalizer looks once more and removes the data.
 */
export class RetentionController {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: EventRecorder;
  readonly #checkpoints: Reflector<PodCheckpoint>;
  readonly #pods: Reflector<Pod>;
  readonly #policies: Reflector<InterruptionPolicy>;
  readonly #loop: ReconcileLoop;
  readonly #stopping = new AbortController();
  /** Since when no living pod of a workload has been seen; starts anew with the process, which only keeps data longer. */
  readonly #goneSince = new Map<string, number>();
  /** Most workloads have no checkpoint. */
  readonly #checkpointsOf = new WorkloadIndex<PodCheckpoint>(workloadOfCheckpoint);
  readonly #podsOf = new WorkloadIndex<Pod>(workloadOfPod);

  constructor(dependencies: ControllerDependencies) {
    this.#store = dependencies.store;
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.#events = dependencies.events;
    this.#loop = new ReconcileLoop(dependencies, {
      name: 'retention',
      reconcile: (workload, signal) => this.#reconcile(workload, signal),
    });
    const mirror = <T extends PodCheckpoint | Pod>(
      type: ResourceType<T>,
      workloadOf: (object: T) => string,
      index: WorkloadIndex<T>,
    ): Reflector<T> =>
      new Reflector<T>(dependencies, type, {
        onChange: (object, previous) => {
          index.put(object, previous);
          this.#loop.enqueue(workloadOf(object));
        },
        onDelete: (object) => {
          index.delete(object);
          this.#loop.enqueue(workloadOf(object));
        },
      });
    this.#checkpoints = mirror(POD_CHECKPOINTS, workloadOfCheckpoint, this.#checkpointsOf);
    this.#pods = mirror(PODS, workloadOfPod, this.#podsOf);
    const judgeAnew = (): void => {
      for (const checkpoint of this.#checkpoints.items()) this.#loop.enqueue(workloadOfCheckpoint(checkpoint));
    };
    this.#policies = new Reflector<InterruptionPolicy>(dependencies, INTERRUPTION_POLICIES, {
      onChange: (policy) => {
        for (const what of unreadableLimits(policy)) {
          this.#events.record(policy, 'Warning', 'LimitUnreadable', `It does not limit anything: ${what}`);
        }
        judgeAnew();
      },
      onDelete: judgeAnew,
    });
  }

  start(): void {
    this.#checkpoints.start();
    this.#pods.start();
    this.#policies.start();
    const { signal } = this.#stopping;
    Promise.all([this.#checkpoints.synced(signal), this.#pods.synced(signal), this.#policies.synced(signal)]).then(
      () => this.#loop.start(),
      () => undefined, // only when stopped before the first list came
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the retention controller stops'));
    await Promise.all([this.#checkpoints.stop(), this.#pods.stop(), this.#policies.stop(), this.#loop.stop()]);
  }

  async #reconcile(workload: string, signal: AbortSignal): Promise<{ requeueAfterMilliseconds?: number } | undefined> {
    const checkpoints = this.#checkpointsOf.select(workload, this.#checkpoints);
    if (checkpoints.length === 0) {
      this.#goneSince.delete(workload);
      return undefined;
    }
    const pods = this.#podsOf.select(workload, this.#pods);
    const plan = this.#plan(workload, checkpoints, pods);
    if (plan.expendable.length > 0) {
      // A stalled watch may not have told of the pod that goes on from one of them: what the server holds now decides.
      const current = await this.#current(workload, checkpoints, signal);
      for (const expendable of this.#plan(workload, checkpoints, current).expendable) {
        const checkpoint = checkpoints.find((candidate) => keyOf(candidate) === expendable.id);
        if (checkpoint !== undefined) await this.#delete(checkpoint, expendable, signal);
      }
    }
    return plan.lookAgainAt === undefined
      ? undefined
      : { requeueAfterMilliseconds: plan.lookAgainAt - this.#clock.now() };
  }

  /** What the rules let go, then what is more than the policies allow. */
  #plan(
    workload: string,
    checkpoints: readonly PodCheckpoint[],
    pods: readonly Pod[],
  ): Omit<RetentionPlan, 'expendable'> & { expendable: (ExpendableCheckpoint | OverLimit)[] } {
    const rules = this.#rules(workload, checkpoints, pods);
    const policies = new RetentionPolicies(this.#policies.items());
    const [newest] = checkpoints.toSorted((one, other) => (keyOf(one) < keyOf(other) ? 1 : -1));
    if (policies.none || newest === undefined) return rules;
    const { namespace = '' } = newest.metadata;
    const keepsOrphans = policies.ofWorkload(namespace, labelsOf(newest))?.orphans === 'Keep';
    const byRules = rules.expendable.filter(({ why }) => !keepsOrphans || !ORPHANED.has(why));
    const gone = new Set(byRules.map(({ id }) => id));
    const others = this.#checkpoints
      .items()
      .filter(
        (one) =>
          one.metadata.namespace === namespace && one.metadata.deletionTimestamp === undefined && !gone.has(keyOf(one)),
      );
    const podsOf = (other: string): readonly Pod[] =>
      other === workload ? pods : this.#podsOf.select(other, this.#pods);
    const limits = overLimits(namespace, others, podsOf, policies, this.#clock.now());
    const own = new Set(checkpoints.map(keyOf));
    for (const { id } of limits.expendable) {
      if (own.has(id)) continue;
      const other = this.#checkpoints.get(id);
      if (other !== undefined) this.#loop.enqueue(workloadOfCheckpoint(other)); // looked at once more, with its pods
    }
    const lookAgainAt = Math.min(rules.lookAgainAt ?? Infinity, limits.lookAgainAt ?? Infinity);
    return {
      expendable: [...byRules, ...limits.expendable.filter(({ id }) => own.has(id))],
      ...(lookAgainAt === Infinity ? {} : { lookAgainAt }),
    };
  }

  #rules(workload: string, checkpoints: readonly PodCheckpoint[], pods: readonly Pod[]): RetentionPlan {
    const now = this.#clock.now();
    if (pods.some((pod) => !isTerminal(pod))) this.#goneSince.delete(workload);
    else if (!this.#goneSince.has(workload)) this.#goneSince.set(workload, now);
    return planRetention(
      checkpoints.map((checkpoint) => retainedCheckpoint(checkpoint, pods)),
      [retainedWorkload(workload, checkpoints, pods, this.#goneSince.get(workload) ?? now)],
      now,
    );
  }

  /** The workload's pods, from the server: they have the names of its checkpoints' sources, or of what came from them. */
  async #current(workload: string, checkpoints: readonly PodCheckpoint[], signal: AbortSignal): Promise<Pod[]> {
    const slots = new Map(
      checkpoints.flatMap(({ metadata: { namespace }, spec, status }) =>
        [spec.sourcePod.name, status?.restoration?.podName ?? spec.sourcePod.name].map((name) => [
          `${namespace}/${name}`,
          { namespace, name },
        ]),
      ),
    );
    const pods: Pod[] = [];
    for (const slot of slots.values()) {
      try {
        const pod = await this.#store.get(PODS, slot, { signal });
        if (workloadOfPod(pod) === workload) pods.push(pod);
      } catch (error) {
        if (!isApiError(error, 'NotFound')) throw error;
      }
    }
    return pods;
  }

  async #delete(
    checkpoint: PodCheckpoint,
    expendable: ExpendableCheckpoint | OverLimit,
    signal: AbortSignal,
  ): Promise<void> {
    const { why } = expendable;
    const because = 'because' in expendable ? expendable.because : 'it is no longer needed';
    const { namespace, name, uid, resourceVersion, deletionTimestamp } = checkpoint.metadata;
    if (deletionTimestamp !== undefined) return;
    this.#events.record(checkpoint, 'Normal', why, `Its data is removed: ${because}`);
    this.#log.info({ checkpoint: keyOf(checkpoint), why }, 'a checkpoint is let go');
    try {
      // Only as it was judged: a change since, for instance a restore that now waits for it, is judged anew.
      await this.#store.delete(POD_CHECKPOINTS, { namespace, name }, { uid, resourceVersion, signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
