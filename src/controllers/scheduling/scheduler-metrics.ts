import { exponentialBuckets, type Metrics } from '../../metrics/index.ts';
import type { ClusterEvent, Decision, SchedulingEngine } from '../../scheduling/index.ts';

/** Pods that wait for a first decision, with when they came (monotonic ms) and how often they were tried. */
interface Waiting {
  since: number;
  attempts: number;
  profile: string;
  /** Milliseconds the decision took, while its bind is under way. */
  decided?: { milliseconds: number; at: number };
}

/**
 * kube-scheduler's metrics where they mean the same (`pkg/scheduler/metrics`, with its buckets), `fermata_*` for what it does not
 * know. A scheduling attempt takes its share of the pass it was decided in, and its bind.
 */
export class SchedulerMetrics {
  readonly #waiting = new Map<string, Waiting>();
  readonly #parts;
  /** What is shown of it on a scrape: that of the term in which this replica leads. */
  #engine: SchedulingEngine | undefined;

  constructor(metrics: Metrics) {
    const pending = metrics.gauge('scheduler_pending_pods', 'Pending pods, by queue.', ['queue']);
    const suspended = metrics.gauge('fermata_suspended_pods', 'Suspended workloads that wait for room.');
    metrics.onCollect(() => {
      const { suspended: held = 0, ...queues } = this.#engine?.queueLengths() ?? EMPTY;
      for (const [queue, length] of Object.entries(queues)) pending.set(length, { queue });
      suspended.set(held);
    });
    const labels = ['result', 'profile'];
    this.#parts = {
      attempts: metrics.counter(
        'scheduler_schedule_attempts_total',
        "Attempts to schedule pods, by result. 'unschedulable': it found no room; 'error': it could not be bound.",
        labels,
      ),
      duration: metrics.histogram(
        'scheduler_scheduling_attempt_duration_seconds',
        'Scheduling attempt latency (algorithm and binding).',
        exponentialBuckets(0.001, 2, 15),
        labels,
      ),
      sli: metrics.histogram(
        'scheduler_pod_scheduling_sli_duration_seconds',
        'From when the pod was first seen waiting, and not gated, to when it was bound.',
        exponentialBuckets(0.01, 2, 20),
        ['attempts'],
      ),
      tries: metrics.histogram(
        'scheduler_pod_scheduling_attempts',
        'Attempts it took to schedule a pod.',
        exponentialBuckets(1, 2, 5),
      ),
      preemptions: metrics.counter('scheduler_preemption_attempts_total', 'Preemption attempts in the cluster.'),
      victims: metrics.histogram(
        'scheduler_preemption_victims',
        'Victims of one preemption.',
        exponentialBuckets(1, 2, 7),
      ),
      interruptions: metrics.counter(
        'fermata_interruptions_ordered_total',
        'Victims of preemption, by what was ordered.',
        ['action'],
      ),
    };
  }

  /** @param now monotonic ms */
  decided(engine: SchedulingEngine, decisions: readonly Decision[], milliseconds: number, now: number): void {
    this.#engine = engine;
    const share = decisions.length === 0 ? 0 : milliseconds / decisions.length;
    for (const decision of decisions) {
      const waiting = this.#waiting.get(decision.pod.uid);
      if (decision.type === 'Interrupt') this.#interrupted(decision);
      if (waiting === undefined) continue;
      waiting.attempts++;
      if (decision.type === 'Bind') waiting.decided = { milliseconds: share, at: now };
      else this.#count(waiting, 'unschedulable', share);
    }
  }

  bound(uid: string, now: number): void {
    const waiting = this.#waiting.get(uid);
    if (waiting?.decided === undefined) return;
    this.#waiting.delete(uid);
    this.#count(waiting, 'scheduled', waiting.decided.milliseconds + now - waiting.decided.at);
    const attempts = waiting.attempts > 15 ? '16+' : String(waiting.attempts);
    this.#parts.sli.observe((now - waiting.since) / 1000, { attempts });
    this.#parts.tries.observe(waiting.attempts);
  }

  observe(event: ClusterEvent, now: number): void {
    if (event.type === 'BindFailed') {
      const waiting = this.#waiting.get(event.uid);
      if (waiting?.decided === undefined) return;
      this.#count(waiting, 'error', waiting.decided.milliseconds + now - waiting.decided.at);
      delete waiting.decided;
    } else if (event.type === 'PodDeleted') {
      this.#waiting.delete(event.pod.metadata.uid);
    } else if (event.type === 'PodChanged') {
      const { metadata, spec, status } = event.pod;
      const isOver = status?.phase === 'Succeeded' || status?.phase === 'Failed';
      const isWaiting = spec.nodeName === undefined && (spec.schedulingGates ?? []).length === 0 && !isOver;
      if (!isWaiting && this.#waiting.get(metadata.uid)?.decided === undefined) this.#waiting.delete(metadata.uid);
      if (!isWaiting || this.#waiting.has(metadata.uid)) return;
      this.#waiting.set(metadata.uid, { since: now, attempts: 0, profile: spec.schedulerName ?? 'default-scheduler' });
    }
  }

  /** Another replica leads. */
  clear(): void {
    this.#waiting.clear();
    this.#engine = undefined;
  }

  #count({ profile }: Waiting, result: string, milliseconds: number): void {
    this.#parts.attempts.increment({ result, profile });
    this.#parts.duration.observe(milliseconds / 1000, { result, profile });
  }

  #interrupted({ victims }: Extract<Decision, { type: 'Interrupt' }>): void {
    this.#parts.preemptions.increment();
    this.#parts.victims.observe(victims.length);
    for (const { action } of victims) this.#parts.interruptions.increment({ action: action.toLowerCase() });
  }
}

const EMPTY = { active: 0, backoff: 0, unschedulable: 0, gated: 0, suspended: 0 };
