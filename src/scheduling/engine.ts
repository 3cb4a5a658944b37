import { emptyingOrders } from './consolidation/emptying-orders.ts';
import type { ClusterEvent, Decision, SchedulingEngine } from './contract.ts';
import { EngineState } from './engine-state.ts';
import { DEFAULT_PROFILE, type PluginRegistry, type Profile } from './framework/profile.ts';
import { Observer } from './observer.ts';
import type { Backoff } from './queue/queue-entry.ts';
import type { QueueLengths } from './queue/scheduling-queue.ts';
import { reclaimOrders } from './reclaim/reclaim-orders.ts';
import { SchedulingCycle } from './scheduling-cycle.ts';

export interface EngineOptions {
  /** Breaks ties between equally good nodes; without it the first by name is taken. */
  random?: () => number;
  /** Default: {@link DEFAULT_PROFILE}. */
  profile?: Profile;
  /** In place of `profile`: several, each for the pods that name it by `spec.schedulerName`; the first takes all others. */
  profiles?: readonly [Profile, ...Profile[]];
  /** Plugins beside those of this room, by the name under which profiles take them. */
  plugins?: PluginRegistry;
  /** Of pods that found no node; default 1 s doubling to 10 s. */
  backoff?: Backoff;
  /**
   * After this long a pod is tried again though no event spoke for it (kube-scheduler's
   * `--pod-max-in-unschedulable-pods-duration`); default 5 minutes. Infinity where no event can be missed.
   */
  flushMilliseconds?: number;
  /**
   * How many verdicts about nodes, one per node and shape of pod, are kept from pod to pod; default 500,000, some 70 bytes
   * each. 0: every plugin is asked about every node for every pod, which leads to the same decisions, slower.
   */
  keptVerdicts?: number;
  /**
   * Whether decisions to bind say what kept other nodes out, and how the best scored. Default true; false where nobody reads it
   * and there are many.
   */
  explains?: boolean;
}

/**
 * The scheduler's mind: told by events what the cluster is like, it says what to do. It keeps its snapshot up to date
 * instead of taking one for each pod, assumes what it decided, and undoes that when told that it failed. All it knows of
 * interruptions under way it reads from the objects, so that a new engine goes on where another one ended.
 */
export class Engine implements SchedulingEngine {
  readonly #state: EngineState;
  readonly #observer: Observer;
  readonly #cycle: SchedulingCycle;
  #lastNow = 0;

  constructor({ profile = DEFAULT_PROFILE, profiles = [profile], ...options }: EngineOptions = {}) {
    this.#state = new EngineState(profiles, options);
    this.#observer = new Observer(this.#state);
    this.#cycle = new SchedulingCycle(this.#state, this.#observer);
  }

  observe(event: ClusterEvent, now: number): void {
    this.#lastNow = now;
    this.#state.strategies.advance(now);
    this.#observer.observe(event, now);
  }

  decide(now: number, limit = Infinity): Decision[] {
    this.#lastNow = now;
    const { queue } = this.#state;
    this.#observer.expireOrders(now);
    queue.flush(now);
    this.#state.strategies.begin(now);
    const decisions: Decision[] = this.#cycle.settleWaiting(now);
    for (let looked = 0; looked < limit; looked++) {
      const entry = queue.pop(now);
      if (entry === undefined) break;
      for (const decision of this.#cycle.run(entry, now)) {
        decisions.push(this.#state.strategies.withOrder(decision, now));
      }
      if (this.#state.waiting.hasOutcomes) decisions.push(...this.#cycle.settleWaiting(now));
    }
    for (const decision of reclaimOrders(this.#state, now)) decisions.push(decision);
    for (const decision of emptyingOrders(this.#state, now)) decisions.push(decision);
    return decisions;
  }

  /** In the past while pods are left over from a limited {@link decide}. */
  nextWakeup(): number | undefined {
    const { queue, orders, waiting, strategies } = this.#state;
    if (queue.hasActive || waiting.hasOutcomes) return this.#lastNow;
    const next = Math.min(
      queue.nextDue() ?? Infinity,
      orders.nextExpiry(),
      waiting.nextDeadline(),
      strategies.nextDue(),
    );
    return next === Infinity ? undefined : next;
  }

  queueLengths(): QueueLengths {
    return this.#state.queue.lengths();
  }

  /** The snapshot in a canonical form: nodes with what is requested, who is there, who is nominated. */
  snapshot(): Record<string, unknown> {
    return this.#state.cluster.digest();
  }
}
