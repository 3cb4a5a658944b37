import { conditionOf, isConditionTrue, type Pod, RESTORED_CONDITION } from '../../model/index.ts';
import type { PodObservation } from '../../runtime/index.ts';
import { type BackoffEntry, nextBackoff } from './backoff.ts';
import { type ContainerHistory, type Ended, historyFrom, withObservation } from './container-history.ts';
import { looksRestored, type PodState, type Problem, restoreFrom, type Verdict, WHOLE_POD } from './pod-state.ts';

/** What one node holds in memory of one pod. Everything in it can be lost: it is found again from status and runtime. */
export class PodRecord implements PodState {
  readonly uid: string;
  /** The pod as last seen, kept when its object vanishes. */
  pod: Pod;
  startTime: number;
  /** What the runtime showed when it was last taken in. */
  observed: PodObservation | undefined;
  readonly histories = new Map<string, ContainerHistory>();
  readonly startFailures = new Map<string, Ended>();
  readonly backoffs = new Map<string, BackoffEntry>();
  created = false;
  restored: 'no' | 'yes' | 'failed' = 'no';
  restoreFailure: string | undefined;
  imagePolicy: string | undefined;
  problem: Problem | undefined;
  retryAt: number | undefined;
  verdict: Verdict | undefined;
  /** It has been given room on the node. */
  admitted = false;
  /** It has ended for good: it holds no room any more. */
  over = false;
  /** Its object is gone from the API although the node did not let it go. */
  vanished = false;
  /** Whoever keeps the checkpoints was told that the pod runs again. */
  restoreReported = false;
  /** Grace of the removal that is under way. */
  removalGraceSeconds: number | undefined;
  /** Cuts short what is being done for the pod, when it is no longer wanted. */
  #operation: AbortController | undefined;

  constructor(pod: Pod, now: number) {
    this.uid = pod.metadata.uid;
    this.pod = pod;
    this.startTime = now;
    this.#readStatus(pod);
  }

  #readStatus(pod: Pod): void {
    const status = pod.status ?? {};
    if (typeof status.startTime === 'string') this.startTime = Date.parse(status.startTime);
    for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
      const history = historyFrom(container);
      if (history === undefined) continue;
      this.histories.set(container.name, history);
      // The waits that were due go on: a node that is started again and again must not restart its pods as often.
      const failedAt = history.ended?.finishedAt ?? history.previous?.finishedAt;
      if (failedAt === undefined) continue;
      let entry: BackoffEntry | undefined;
      for (let count = 0; count < Math.min(history.restartCount, 6); count++) entry = nextBackoff(entry, failedAt);
      if (entry !== undefined) this.backoffs.set(container.name, entry);
    }
    const restored = conditionOf(status.conditions, RESTORED_CONDITION);
    if (isConditionTrue(status.conditions, RESTORED_CONDITION)) this.restored = 'yes';
    else if (restored?.status === 'False') this.#failRestore(restored.message ?? 'the restore failed');
  }

  /** Takes in what the runtime shows. */
  observe(pod: Pod, observed: PodObservation | undefined): void {
    this.pod = pod;
    this.observed = observed;
    for (const seen of observed?.containers ?? []) {
      const history = withObservation(this.histories.get(seen.name), seen);
      if (history !== undefined) this.histories.set(seen.name, history);
      if (seen.state === 'running') {
        this.startFailures.delete(seen.name);
        this.admitted = true;
      }
    }
    if (observed === undefined) this.created = false;
    else if (restoreFrom(pod) !== undefined && this.restored === 'no' && looksRestored(pod, observed))
      this.restored = 'yes';
  }

  recordProblem(problem: Problem, retryAt: number): void {
    this.problem = problem;
    this.retryAt = retryAt;
  }

  clearProblem(): void {
    this.problem = undefined;
    this.retryAt = undefined;
  }

  /** Moves the backoff of a container, or of the whole pod, on after a failure; gives the wait. */
  backOff(key: string, failedAt: number): number {
    const entry = nextBackoff(this.backoffs.get(key), failedAt);
    this.backoffs.set(key, entry);
    return entry.delayMilliseconds;
  }

  /** The first restore failed: the pod is given up here. */
  failRestore(reason: string): void {
    this.#failRestore(reason);
  }

  #failRestore(reason: string): void {
    this.restored = 'failed';
    this.restoreFailure = reason;
    this.admitted = false;
  }

  markRestored(): void {
    this.restored = 'yes';
    this.created = true;
    this.clearProblem();
  }

  /** Whether a crash of the restored pod has to wait: the backoff of the pod as a whole. */
  get restoreBackoff(): BackoffEntry | undefined {
    return this.backoffs.get(WHOLE_POD);
  }

  /** Runs `work` so that {@link interrupt} cuts it short. */
  async interruptible<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const operation = new AbortController();
    this.#operation = operation;
    try {
      return await work(AbortSignal.any([signal, operation.signal]));
    } finally {
      if (this.#operation === operation) this.#operation = undefined;
    }
  }

  interrupt(reason: string): void {
    this.#operation?.abort(new Error(reason));
  }
}
