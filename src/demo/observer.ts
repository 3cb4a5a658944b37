import type { Clock, Random } from '../clock/index.ts';
import { type ObjectStore, Reflector } from '../kubernetes/index.ts';
import {
  conditionOf,
  FermataError,
  type Log,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
} from '../model/index.ts';
import { LiveTimeline } from '../timeline/index.ts';

const STUCK_MILLISECONDS = 90_000;

/** Sees every change of pods and checkpoints: keeps the timeline, and lets a scenario wait for what it expects. */
export class ClusterObserver {
  readonly timeline = new LiveTimeline();
  readonly #clock: Clock;
  readonly #pods: Reflector<Pod>;
  readonly #checkpoints: Reflector<PodCheckpoint>;
  #waiters: (() => void)[] = [];

  constructor(dependencies: { store: ObjectStore; clock: Clock; random: Random; log: Log }) {
    const { clock } = dependencies;
    this.#clock = clock;
    this.#pods = new Reflector<Pod>(dependencies, PODS, {
      onChange: (pod) => {
        this.timeline.podChanged(pod, clock.now());
        this.#wake();
      },
      onDelete: (pod) => {
        this.timeline.podDeleted(pod, clock.now());
        this.#wake();
      },
    });
    this.#checkpoints = new Reflector<PodCheckpoint>(dependencies, POD_CHECKPOINTS, {
      onChange: (checkpoint) => {
        this.timeline.checkpointChanged(checkpoint, clock.now());
        this.#wake();
      },
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#pods.start();
    this.#checkpoints.start();
    await Promise.all([this.#pods.synced(signal), this.#checkpoints.synced(signal)]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#pods.stop(), this.#checkpoints.stop()]);
  }

  pod(key: string): Pod | undefined {
    return this.#pods.get(key);
  }

  /** The checkpoint whose source was the pod of that UID. */
  checkpointOf(podUID: string): PodCheckpoint | undefined {
    return this.#checkpoints.items().find(({ spec }) => spec.sourcePod.uid === podUID);
  }

  /** Waits until `look` finds something; throws with `what` when 90 s brought nothing. */
  async until<T>(what: string, look: () => T | undefined | Promise<T | undefined>, signal: AbortSignal): Promise<T> {
    const deadline = this.#clock.now() + STUCK_MILLISECONDS;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (this.#clock.now() > deadline) {
        throw new FermataError('DemoStuck', `the demo waited 90 s for ${what}: ${this.#why()}`, {
          nextStep: 'fermata doctor shows what does not work here',
        });
      }
      await this.#change(signal);
    }
  }

  /** The next change of an object, or 25 ms: what is waited for may be a file. */
  async #change(signal: AbortSignal): Promise<void> {
    const changed = new Promise<void>((resolve) => this.#waiters.push(resolve));
    const timer = this.#clock.setTimer(25, () => this.#wake());
    await changed;
    timer.cancel();
    signal.throwIfAborted();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  #why(): string {
    const waiting = this.#pods.items().map((pod) => {
      const message = conditionOf(pod.status?.conditions, 'PodScheduled')?.message ?? pod.status?.message ?? '';
      const container = pod.status?.containerStatuses?.[0]?.state?.waiting;
      return `${pod.metadata.name} is ${pod.status?.phase ?? 'new'} ${container?.reason ?? ''} ${container?.message ?? message}`.trim();
    });
    const failed = this.#checkpoints.items().map((checkpoint) => conditionOf(checkpoint.status?.conditions, 'Ready'));
    return [
      ...waiting,
      ...failed.filter((ready) => ready?.status === 'False').map((ready) => ready?.message ?? ''),
    ].join('; ');
  }
}
