import type { Clock, Random } from '../../clock/index.ts';
import { type ObjectStore, ReconcileLoop, Reflector } from '../../kubernetes/index.ts';
import {
  conditionOf,
  EVENTS,
  isConditionTrue,
  keyOf,
  type Log,
  PODS,
  type Pod,
  RESTORED_CONDITION,
} from '../../model/index.ts';
import type { Agent } from '../agent.ts';
import { writePodCondition } from '../pod-condition.ts';
import { RESTORE_SUCCEEDED, RESTORING_CONDITION, upstreamOutcome, upstreamRestoreOf } from './upstream-outcome.ts';

/** How long after a pod runs the kubelet's event that it restored it may come. */
const EVIDENCE_MILLISECONDS = 10_000;
const EVIDENCE_POLL_MILLISECONDS = 500;
const CONCURRENCY = 2;

export interface UpstreamRestoresParts {
  store: ObjectStore;
  agent: Pick<Agent, 'restored'>;
  clock: Clock;
  random: Random;
  log: Log;
}

/** Tells what became of pods that the kubelet restores by itself, from its own PodCheckpoint (`spec.restoreFrom`, KEP-5823). */
export class UpstreamRestores {
  readonly #parts: UpstreamRestoresParts;
  readonly #pods: Reflector<Pod>;
  readonly #loop: ReconcileLoop;
  /** UIDs of pods that the kubelet was seen restoring. */
  readonly #seen = new Set<string>();
  /** By UID: since when it runs without evidence; ms of the monotonic clock. */
  readonly #doubtfulSince = new Map<string, number>();

  constructor(parts: UpstreamRestoresParts, { nodeName }: { nodeName: string }) {
    this.#parts = parts;
    this.#loop = new ReconcileLoop(parts, {
      name: `kubelet's restores of ${nodeName}`,
      concurrency: CONCURRENCY,
      reconcile: (key, signal) => this.#report(key, signal),
    });
    this.#pods = new Reflector<Pod>(parts, PODS, {
      fieldSelector: `spec.nodeName=${nodeName}`,
      onChange: (pod) => {
        if (upstreamRestoreOf(pod) === undefined) return;
        if (isConditionTrue(pod.status?.conditions, RESTORING_CONDITION)) this.#seen.add(pod.metadata.uid);
        this.#loop.enqueue(keyOf(pod));
      },
      onDelete: ({ metadata: { uid } }) => {
        this.#seen.delete(uid);
        this.#doubtfulSince.delete(uid);
      },
    });
  }

  start(): void {
    this.#pods.start();
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#pods.stop(), this.#loop.stop()]);
  }

  async #report(key: string, signal: AbortSignal): Promise<{ requeueAfterMilliseconds: number } | undefined> {
    const pod = this.#pods.get(key);
    const checkpoint = pod === undefined ? undefined : upstreamRestoreOf(pod);
    if (pod === undefined || checkpoint === undefined || pod.metadata.deletionTimestamp !== undefined) return undefined;
    if (conditionOf(pod.status?.conditions, RESTORED_CONDITION) !== undefined) return undefined;
    const tell = (status: 'True' | 'False', reason: string, message: string): Promise<void> =>
      writePodCondition(this.#parts, pod, { type: RESTORED_CONDITION, status, reason, message }, signal);
    const outcome = upstreamOutcome(pod, await this.#wasRestored(pod, signal));
    switch (outcome.state) {
      case 'waiting':
        return undefined;
      case 'restored':
        await this.#parts.agent.restored(pod, checkpoint, undefined);
        await tell('True', 'Restored', `from checkpoint ${checkpoint}, by the kubelet`);
        return undefined;
      case 'failed':
        await tell('False', 'RestoreFailed', outcome.message);
        return undefined;
      case 'doubtful': {
        const now = this.#parts.clock.monotonic();
        const since = this.#doubtfulSince.get(pod.metadata.uid) ?? now;
        this.#doubtfulSince.set(pod.metadata.uid, since);
        if (now - since < EVIDENCE_MILLISECONDS) return { requeueAfterMilliseconds: EVIDENCE_POLL_MILLISECONDS };
        const why =
          'the kubelet does not say that it restored it: with PodLevelCheckpointRestore off it starts the image';
        await tell('False', 'RestoreFailed', `the pod runs, but ${why}`);
        return undefined;
      }
    }
  }

  async #wasRestored(pod: Pod, signal: AbortSignal): Promise<boolean> {
    const { uid, namespace } = pod.metadata;
    if (this.#seen.has(uid)) return true;
    const fieldSelector = `involvedObject.uid=${uid},reason=${RESTORE_SUCCEEDED}`;
    const scope = namespace === undefined ? {} : { namespace };
    const { items } = await this.#parts.store.list(EVENTS, { ...scope, fieldSelector, limit: 1, signal });
    return items.length > 0;
  }
}
