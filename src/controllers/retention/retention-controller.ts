import { planRetention, type RetentionPlan } from '../../checkpoint/index.ts';
import type { Clock } from '../../clock/index.ts';
import { type EventRecorder, isApiError, type ObjectStore, ReconcileLoop, Reflector } from '../../kubernetes/index.ts';
import {
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
  }

  start(): void {
    this.#checkpoints.start();
    this.#pods.start();
    Promise.all([this.#checkpoints.synced(this.#stopping.signal), this.#pods.synced(this.#stopping.signal)]).then(
      () => this.#loop.start(),
      () => undefined, // only when stopped before the first list came
    );
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the retention controller stops'));
    await Promise.all([this.#checkpoints.stop(), this.#pods.stop(), this.#loop.stop()]);
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
      for (const { id, why } of this.#plan(workload, checkpoints, current).expendable) {
        const checkpoint = checkpoints.find((candidate) => keyOf(candidate) === id);
        if (checkpoint !== undefined) await this.#delete(checkpoint, why, signal);
      }
    }
    return plan.lookAgainAt === undefined
      ? undefined
      : { requeueAfterMilliseconds: plan.lookAgainAt - this.#clock.now() };
  }

  #plan(workload: string, checkpoints: readonly PodCheckpoint[], pods: readonly Pod[]): RetentionPlan {
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

  async #delete(checkpoint: PodCheckpoint, why: string, signal: AbortSignal): Promise<void> {
    const { namespace, name, uid, resourceVersion, deletionTimestamp } = checkpoint.metadata;
    if (deletionTimestamp !== undefined) return;
    this.#events.record(checkpoint, 'Normal', why, 'No longer needed: its data is removed');
    this.#log.info({ checkpoint: keyOf(checkpoint), why }, 'a checkpoint is let go');
    try {
      // Only as it was judged: a change since, for instance a restore that now waits for it, is judged anew.
      await this.#store.delete(POD_CHECKPOINTS, { namespace, name }, { uid, resourceVersion, signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
  }
}
