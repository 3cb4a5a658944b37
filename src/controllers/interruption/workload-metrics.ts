import type { Clock } from '../../clock/index.ts';
import type { Metrics } from '../../metrics/index.ts';
import { conditionOf, isConditionTrue, type PodCheckpoint } from '../../model/index.ts';
import { isAwaited } from '../identity/replacement.ts';

/** Where the checkpoints are known from; a reflector is one. */
interface Checkpoints {
  items(): Iterable<PodCheckpoint>;
  synced(signal: AbortSignal): Promise<void>;
}

/** What the controllers' watch of the checkpoints tells of the cluster's suspended workloads. */
export class WorkloadMetrics {
  readonly #clock: Pick<Clock, 'now'>;
  #checkpoints: Checkpoints | undefined;
  #isRead = false;

  constructor(metrics: Metrics, clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    const known = metrics.gauge('fermata_checkpoints', 'PodCheckpoints, by the reason of their Ready condition.', [
      'reason',
    ]);
    const suspended = metrics.gauge(
      'fermata_suspended_workloads',
      'Workloads that have a checkpoint and no running pod.',
    );
    const failing = metrics.gauge('fermata_failing_restores', 'Suspended workloads whose last restore failed.');
    const longest = metrics.gauge(
      'fermata_longest_suspension_seconds',
      'How long the workload that waits longest has no pod.',
    );
    const reasons = new Set<string>();
    metrics.onCollect(() => {
      const facts = this.#facts();
      for (const reason of facts.reasons.keys()) reasons.add(reason);
      for (const reason of reasons) known.set(facts.reasons.get(reason) ?? 0, { reason });
      suspended.set(facts.suspended);
      failing.set(facts.failing);
      longest.set(facts.longestSeconds);
    });
  }

  /** True once the checkpoints of this term were read. */
  get isRead(): boolean {
    return this.#isRead;
  }

  follow(checkpoints: Checkpoints, signal: AbortSignal): void {
    this.#checkpoints = checkpoints;
    this.#isRead = false;
    checkpoints.synced(signal).then(
      () => {
        this.#isRead = true;
      },
      () => undefined, // only when stopped before the first list came
    );
    signal.addEventListener('abort', () => {
      if (this.#checkpoints === checkpoints) this.#checkpoints = undefined;
    });
  }

  #facts() {
    const reasons = new Map<string, number>();
    let [suspended, failing, longestSeconds] = [0, 0, 0];
    for (const checkpoint of this.#checkpoints?.items() ?? []) {
      const { status } = checkpoint;
      const reason = conditionOf(status?.conditions, 'Ready')?.reason ?? 'Pending';
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      if (!isAwaited(checkpoint) || !isConditionTrue(status?.conditions, 'Ready')) continue;
      suspended++;
      if ((status?.restoration?.failures ?? 0) > 0) failing++;
      const since = Date.parse(status?.completionTime ?? '');
      if (!Number.isNaN(since)) longestSeconds = Math.max(longestSeconds, (this.#clock.now() - since) / 1000);
    }
    return { reasons, suspended, failing, longestSeconds };
  }
}
