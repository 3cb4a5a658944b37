import type { Clock, Random, Timer } from '../../clock/index.ts';
import type { EventRecorder, ObjectStore, Term } from '../../kubernetes/index.ts';
import { type Log, type Pod, reasonOf } from '../../model/index.ts';
import type { ClusterEvent, SchedulingEngine } from '../../scheduling/index.ts';
import { ClusterFeed } from './cluster-feed.ts';
import { DecisionExecutor } from './decision-executor.ts';
import { fencePods } from './fence.ts';
import type { SchedulerMetrics } from './scheduler-metrics.ts';
import { UsageFeed } from './usage-feed.ts';

export interface SchedulerDependencies {
  store: ObjectStore;
  clock: Clock;
  random: Random;
  log: Log;
  engine: SchedulingEngine;
  events: EventRecorder;
  metrics?: SchedulerMetrics;
}

export interface SchedulerOptions {
  /** Values of `spec.schedulerName` this scheduler answers to. Default: `fermata`. */
  schedulerNames?: readonly string[];
  /** With several replicas: the time for which this one leads. Absent: it is the only one. */
  term?: Pick<Term, 'id' | 'followsUnfinished' | 'predecessorSettled'>;
  /** Whether to ask the cluster what pods use (`metrics.k8s.io`). Default: false. */
  readsUsage?: boolean;
  /** Whether the server honours a resourceVersion in a bind (Kubernetes 1.24 does). Default true. */
  refusesLateBinds?: (signal: AbortSignal) => Promise<boolean>;
}

export const DEFAULT_SCHEDULER_NAMES: readonly string[] = ['fermata'];

/** Pods looked at in one pass before what was decided is carried out: keeps the first of a large backlog from waiting for the last. */
const PODS_PER_PASS = 256;

/**
 * The scheduler around the engine: feeds it what the API says, carries out what it decides, reports back what failed.
 * Holds no state that matters: after a restart the same decisions follow from the API objects alone.
 */
export class Scheduler {
  readonly #parts: Pick<SchedulerDependencies, 'store' | 'clock' | 'log'>;
  readonly #term: SchedulerOptions['term'];
  readonly #refusesLateBinds: (signal: AbortSignal) => Promise<boolean>;
  readonly #concerns: (pod: Pod) => boolean;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #engine: SchedulingEngine;
  readonly #feed: ClusterFeed;
  readonly #executor: DecisionExecutor;
  readonly #usage: UsageFeed | undefined;
  readonly #metrics: SchedulerMetrics | undefined;
  readonly #stopping = new AbortController();
  #ready = false;
  #passPending = false;
  #wakeup: { at: number; timer: Timer } | undefined;

  constructor(dependencies: SchedulerDependencies, options: SchedulerOptions = {}) {
    const names = new Set(options.schedulerNames ?? DEFAULT_SCHEDULER_NAMES);
    this.#clock = dependencies.clock;
    this.#log = dependencies.log;
    this.#engine = dependencies.engine;
    this.#metrics = dependencies.metrics;
    this.#parts = dependencies;
    this.#term = options.term;
    this.#refusesLateBinds = options.refusesLateBinds ?? (async () => true);
    // A bound pod takes room whoever bound it; an unbound one is only this scheduler's business when it says so.
    this.#concerns = (pod) =>
      pod.spec.nodeName !== undefined || names.has(pod.spec.schedulerName ?? 'default-scheduler');
    this.#feed = new ClusterFeed(dependencies, {
      onEvent: (event) => this.#observe(event),
      concerns: this.#concerns,
      onGroup: (group) => this.#executor.groupOrders.changed(group),
      onGroupDeleted: (group) => this.#executor.groupOrders.deleted(group),
    });
    this.#executor = new DecisionExecutor(dependencies, {
      checkpointsOf: (podUID) =>
        this.#feed.checkpoints.items().filter((checkpoint) => checkpoint.spec.sourcePod.uid === podUID),
      checkpointOf: (key) => this.#feed.checkpoints.get(key),
      podOf: (key) => this.#feed.pods.get(key),
      onFailure: (event) => this.#observe(event),
      onBound: ({ uid }) => this.#metrics?.bound(uid, this.#clock.monotonic()),
      signal: this.#stopping.signal,
    });
    if (options.readsUsage !== true) return;
    this.#usage = new UsageFeed(dependencies, {
      uidOf: (key) => this.#feed.pods.get(key)?.metadata.uid,
      onEvent: (event) => this.#observe(event),
    });
  }

  start(): void {
    this.#read().then(
      () => {
        this.#ready = true;
        this.#log.info(
          { queues: this.#engine.queueLengths() },
          'scheduler has the state of the cluster and begins to decide',
        );
        this.#requestPass();
        this.#usage?.start();
      },
      (error: unknown) => {
        if (!this.#stopping.signal.aborted)
          this.#log.error({ error: reasonOf(error) }, 'scheduler could not read the cluster');
      },
    );
  }

  /** Resolves when all that earlier leaders did, or may still do, is known or made impossible. */
  async #read(): Promise<void> {
    const { signal } = this.#stopping;
    if (this.#term?.followsUnfinished === true) {
      const refusesLateBinds = await this.#refusesLateBinds(signal);
      await fencePods(this.#parts, { term: this.#term.id, concerns: this.#concerns, refusesLateBinds, signal });
      this.#term.predecessorSettled();
    }
    signal.throwIfAborted();
    this.#feed.start();
    await this.#feed.synced(signal);
  }

  /** True once the whole cluster was read and decisions are being taken. */
  get ready(): boolean {
    return this.#ready;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the scheduler stops'));
    this.#wakeup?.timer.cancel();
    this.#wakeup = undefined;
    await this.#usage?.stop();
    await this.#feed.stop();
    await this.#executor.idle();
    this.#metrics?.clear();
  }

  #observe(event: ClusterEvent): void {
    this.#metrics?.observe(event, this.#clock.monotonic());
    if (event.type === 'CheckpointChanged') this.#executor.checkpointChanged(event.checkpoint);
    this.#engine.observe(event, this.#clock.now());
    this.#requestPass();
  }

  #requestPass(): void {
    if (!this.#ready || this.#passPending || this.#stopping.signal.aborted) return;
    this.#passPending = true;
    queueMicrotask(() => {
      this.#passPending = false;
      if (!this.#stopping.signal.aborted) this.#pass();
    });
  }

  #pass(): void {
    const begun = this.#clock.monotonic();
    const decisions = this.#engine.decide(this.#clock.now(), PODS_PER_PASS);
    const ended = this.#clock.monotonic();
    this.#metrics?.decided(this.#engine, decisions, ended - begun, ended);
    for (const decision of decisions) this.#executor.execute(decision);
    this.#armWakeup();
    if (decisions.length >= PODS_PER_PASS) this.#requestPassSoon();
  }

  /** Lets I/O through between two passes over a long backlog. */
  #requestPassSoon(): void {
    this.#clock.setTimer(0, () => this.#requestPass());
  }

  #armWakeup(): void {
    const at = this.#engine.nextWakeup();
    if (this.#wakeup?.at === at) return;
    this.#wakeup?.timer.cancel();
    this.#wakeup = undefined;
    if (at === undefined) return;
    const timer = this.#clock.setTimer(Math.max(0, at - this.#clock.now()), () => {
      this.#wakeup = undefined;
      this.#requestPass();
    });
    this.#wakeup = { at, timer };
  }
}
