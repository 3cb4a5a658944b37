import type { Clock, Random } from '../clock/index.ts';
import {
  type EventRecorder,
  isApiError,
  type ObjectStore,
  ReconcileLoop,
  Reflector,
  type Requeue,
} from '../kubernetes/index.ts';
import { keyOf, type Log, PODS, type Pod } from '../model/index.ts';
import { BATCH_JOBS, type Job } from './job.ts';
import { PLACEMENT_LABEL } from './marks.ts';
import { keptPods, overflowStep } from './overflow.ts';
import { markJob, releasePod } from './release-pod.ts';

export interface OverflowOptions {
  /** How long a pod waits for room where its Job does not say; milliseconds. */
  after: number;
}

const SELECTION = { labelSelector: `${PLACEMENT_LABEL}=overflow` };

/** Watches Jobs that may overflow, and lets pods of theirs go out that the cluster has had no room for. Several may run. */
export class OverflowController {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #events: EventRecorder;
  readonly #options: OverflowOptions;
  readonly #jobs: Reflector<Job>;
  readonly #pods: Reflector<Pod>;
  readonly #loop: ReconcileLoop;

  constructor(
    parts: { store: ObjectStore; clock: Clock; random: Random; log: Log; events: EventRecorder },
    options: OverflowOptions,
  ) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#events = parts.events;
    this.#options = options;
    this.#loop = new ReconcileLoop(parts, {
      name: 'overflow',
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#jobs = new Reflector(parts, BATCH_JOBS, { ...SELECTION, onChange: (job) => this.#loop.enqueue(keyOf(job)) });
    this.#pods = new Reflector(parts, PODS, { ...SELECTION, onChange: (pod) => this.#enqueueJobOf(pod) });
  }

  start(): void {
    this.#jobs.start();
    this.#pods.start();
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#jobs.stop(), this.#pods.stop(), this.#loop.stop()]);
  }

  #enqueueJobOf(pod: Pod): void {
    const owner = pod.metadata.ownerReferences?.find(({ kind, controller }) => kind === 'Job' && controller === true);
    if (owner !== undefined) this.#loop.enqueue(`${pod.metadata.namespace}/${owner.name}`);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<Requeue | undefined> {
    const job = this.#jobs.get(key);
    if (job === undefined) return undefined;
    const now = this.#clock.now();
    const pods = this.#pods.items();
    const step = overflowStep(job, pods, now, this.#options.after);
    for (const { pod, reason } of keptPods(job, pods, now, this.#options.after)) {
      this.#events.record(pod, 'Normal', 'NotMovedToHPC', reason);
    }
    try {
      if (step.kind === 'Mark') {
        await markJob(this.#store, job, now, signal);
        this.#events.record(job, 'Normal', 'OverflowToHPC', 'the cluster has no room: its pods run at the HPC site');
      } else if (step.kind === 'Release') {
        for (const pod of step.pods) await releasePod(this.#store, pod, now, signal);
      }
    } catch (error) {
      // It changed meanwhile, and with the change comes the next look.
      if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
    }
    return step.kind === 'Wait' && step.at !== undefined ? { requeueAfterMilliseconds: step.at - now } : undefined;
  }
}
