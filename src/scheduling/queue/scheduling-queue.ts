import { INITIAL_BACKOFF_MS, MAX_BACKOFF_MS, UNSCHEDULABLE_FLUSH_MS } from '../constants.ts';
import type { Gate, Plugin, QueuedPod } from '../framework/phases.ts';
import type { QueueEvent } from '../framework/queue-event.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { AwaitingPods } from './awaiting-pods.ts';
import { Heap } from './heap.ts';
import { InFlightEvents } from './in-flight-events.ts';
import { type Backoff, backoffEnd, type QueueEntry } from './queue-entry.ts';

/** What the queue asks of the plugins. */
export interface QueueRules {
  readonly plugins: readonly Plugin[];
  gateOf(pod: PodInfo, now: number): Gate | undefined;
  less(one: QueuedPod, other: QueuedPod): boolean;
}

export interface QueueOptions {
  /** Default: 1 s doubling to 10 s. */
  readonly backoff?: Backoff | undefined;
  /** After this long a pod is tried again though no event spoke for it; default 5 minutes, Infinity: never. */
  readonly flushMilliseconds?: number | undefined;
}

export interface QueueLengths {
  active: number;
  backoff: number;
  unschedulable: number;
  gated: number;
  suspended: number;
}

/**
 * Pods waiting for a node, as kube-scheduler keeps them: *active* are tried in order; *backoff* were tried and come back
 * with time; *unschedulable* come back when an event speaks for them (or after 5 minutes); *gated* may not be tried.
 * Suspended workloads are in these sets like any other pod, and are counted apart.
 */
export class SchedulingQueue {
  readonly #rules: QueueRules;
  readonly #entries = new Map<string, QueueEntry>();
  readonly #active: Heap<QueueEntry>;
  /** Everything that time alone moves on, the next first. */
  readonly #timed = new Heap<QueueEntry>(
    (one, other) => one.dueAt < other.dueAt || (one.dueAt === other.dueAt && one.sequence < other.sequence),
    (entry) => entry.info.uid,
  );
  /** Unschedulable and gated pods. */
  readonly #awaiting: AwaitingPods;
  readonly #inFlight = new InFlightEvents();
  readonly #backoff: Backoff;
  readonly #flushMilliseconds: number;
  #sequence = 0;

  constructor(
    rules: QueueRules,
    {
      backoff = { initialMilliseconds: INITIAL_BACKOFF_MS, maxMilliseconds: MAX_BACKOFF_MS },
      flushMilliseconds = UNSCHEDULABLE_FLUSH_MS,
    }: QueueOptions = {},
  ) {
    this.#rules = rules;
    this.#backoff = backoff;
    this.#flushMilliseconds = flushMilliseconds;
    this.#awaiting = new AwaitingPods(rules.plugins);
    this.#active = new Heap<QueueEntry>(
      (one, other) => rules.less(one, other),
      (entry) => entry.info.uid,
    );
  }

  get(uid: string): QueueEntry | undefined {
    return this.#entries.get(uid);
  }

  /** Enters a new pod, or takes over a new version of a known one; `changed`: in something a decision depends on. */
  put(info: PodInfo, changed: boolean, now: number): void {
    const known = this.#entries.get(info.uid);
    if (known === undefined) {
      const entry: QueueEntry = {
        info,
        firstEnqueuedAt: info.firstEnqueuedAt ?? info.createdAt ?? now,
        suspended: info.restoreFrom !== undefined,
        sequence: this.#sequence++,
        state: 'gated',
        attempts: 0,
        lastAttemptAt: 0,
        dueAt: Infinity,
        rejectedBy: [],
        waitDeadline: undefined,
      };
      this.#entries.set(info.uid, entry);
      this.#enter(entry, now);
      return;
    }
    const waits = known.state === 'unschedulable' || known.state === 'gated';
    if (waits) this.#awaiting.delete(known);
    known.info = info;
    known.suspended = info.restoreFrom !== undefined;
    if (waits) this.#awaiting.add(known);
    if (known.state === 'assumed') return;
    if (known.state === 'active') this.#active.push(known);
    else if (changed) this.#enter(known, now);
  }

  /** Puts those to be tried in order anew: `rank` settles what the order goes by. */
  reorder(rank: (pods: Iterable<QueuedPod>) => void): void {
    const active: QueueEntry[] = [];
    for (const entry of this.#entries.values()) if (entry.state === 'active') active.push(entry);
    for (const { info } of active) this.#active.remove(info.uid);
    rank(active);
    for (const entry of active) this.#active.push(entry);
  }

  /** The order in which waiting pods have their turn. */
  comesBefore(one: QueuedPod, other: QueuedPod): boolean {
    return this.#rules.less(one, other);
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#leave(entry);
    this.#inFlight.arrive(uid);
    this.#entries.delete(uid);
  }

  /** Brings back what time alone brings back. */
  flush(now: number): void {
    for (let entry = this.#timed.peek(); entry !== undefined && entry.dueAt <= now; entry = this.#timed.peek()) {
      this.#enter(entry, now);
    }
  }

  /** The next pod to decide about; it is *deciding* until one of the methods below says what became of it. */
  pop(now: number): QueueEntry | undefined {
    const entry = this.#active.pop();
    if (entry === undefined) return undefined;
    entry.state = 'deciding';
    entry.attempts += 1;
    entry.lastAttemptAt = now;
    return entry;
  }

  /** As {@link pop} for a pod that is decided about together with the one that was popped; undefined: it may not be tried. */
  take(uid: string, now: number): QueueEntry | undefined {
    const entry = this.#entries.get(uid);
    const { state } = entry ?? {};
    if (entry === undefined || (state !== 'active' && state !== 'backoff' && state !== 'unschedulable'))
      return undefined;
    if (this.#rules.gateOf(entry.info, now) !== undefined) return undefined;
    this.#leave(entry);
    entry.state = 'deciding';
    entry.dueAt = Infinity;
    entry.attempts += 1;
    entry.lastAttemptAt = now;
    return entry;
  }

  /**
   * No node took it: it waits for an event that one of `plugins` finds helpful, or for `dueAt`. If such an event came while
   * it was in flight, it only backs off.
   */
  reject(entry: QueueEntry, plugins: readonly string[], now: number, dueAt = Infinity): void {
    const missed = this.#inFlight.arrive(entry.info.uid);
    if (this.#missedHelp(entry, plugins, missed)) {
      this.#enter(entry, now);
      return;
    }
    this.#leave(entry);
    entry.state = 'unschedulable';
    entry.rejectedBy = plugins;
    entry.dueAt = Math.min(dueAt, now + this.#flushMilliseconds);
    this.#timed.push(entry);
    this.#awaiting.add(entry);
  }

  /** What the pod itself gave back is no help to it. */
  #missedHelp(entry: QueueEntry, plugins: readonly string[], missed: readonly QueueEvent[] | undefined): boolean {
    if (missed === undefined) return true;
    return missed.some(
      (event) =>
        !('pod' in event && event.pod.uid === entry.info.uid) && this.#awaiting.isHelped(entry, plugins, event),
    );
  }

  /**
   * Room is being made, or waited for: as {@link reject}, but the try does not count for the backoff. What it waits for may
   * be due this very instant; to look again before time has passed would come to the same decision, for ever.
   */
  hold(entry: QueueEntry, plugins: readonly string[], now: number, dueAt?: number): void {
    entry.attempts = Math.max(0, entry.attempts - 1);
    this.reject(entry, plugins, now, dueAt === undefined ? undefined : Math.max(dueAt, now + 1));
  }

  assume(entry: QueueEntry): void {
    this.#leave(entry);
    entry.state = 'assumed';
    this.#inFlight.leave(entry.info.uid);
  }

  /** The bind failed: it is tried again after its backoff. */
  returnAssumed(uid: string, now: number): void {
    const entry = this.#entries.get(uid);
    if (entry?.state !== 'assumed') return;
    this.#inFlight.arrive(uid);
    this.#enter(entry, now);
  }

  /** What an unschedulable pod waited for went wrong: it is tried again after a backoff. */
  retry(uid: string, now: number): void {
    const entry = this.#entries.get(uid);
    if (entry?.state !== 'unschedulable') return;
    entry.attempts += 1;
    entry.lastAttemptAt = now;
    this.#enter(entry, now);
  }

  /** What an unschedulable pod waited for has come about: it is tried at once, whatever its backoff. */
  activate(uid: string, now: number): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined || (entry.state !== 'unschedulable' && entry.state !== 'backoff')) return;
    entry.attempts = 0;
    this.#enter(entry, now);
  }

  /** Brings back the pods that the event could help, by the hints of the plugins that rejected, or gate, them. */
  on(event: QueueEvent, now: number): void {
    this.#inFlight.record(event);
    for (const entry of this.#awaiting.helpedBy(event)) {
      if (entry.state === 'unschedulable' || entry.state === 'gated') this.#enter(entry, now);
    }
  }

  get hasActive(): boolean {
    return this.#active.size > 0;
  }

  /** The next instant at which {@link flush} has something to do. */
  nextDue(): number | undefined {
    const dueAt = this.#timed.peek()?.dueAt;
    return dueAt === Infinity ? undefined : dueAt;
  }

  /** Whether no pod waits for room; those behind a gate do not. */
  get isCalm(): boolean {
    for (const { state } of this.#entries.values()) if (state !== 'assumed' && state !== 'gated') return false;
    return true;
  }

  lengths(): QueueLengths {
    const lengths: QueueLengths = { active: 0, backoff: 0, unschedulable: 0, gated: 0, suspended: 0 };
    for (const { state, suspended } of this.#entries.values()) {
      if (state === 'assumed' || state === 'deciding') continue;
      lengths[suspended ? 'suspended' : state] += 1;
    }
    return lengths;
  }

  /** Where a pod belongs now: behind its gate, in backoff, or active. */
  #enter(entry: QueueEntry, now: number): void {
    this.#leave(entry);
    const gate = this.#rules.gateOf(entry.info, now);
    if (gate !== undefined) {
      entry.state = gate.until === undefined ? 'gated' : 'backoff';
      entry.dueAt = gate.until ?? Infinity;
      if (gate.until !== undefined) {
        this.#timed.push(entry);
        return;
      }
      entry.rejectedBy = [gate.plugin];
      this.#awaiting.add(entry);
      return;
    }
    const until = backoffEnd(entry, this.#backoff);
    if (until > now) {
      entry.state = 'backoff';
      entry.dueAt = until;
      this.#timed.push(entry);
      return;
    }
    entry.state = 'active';
    entry.dueAt = Infinity;
    this.#active.push(entry);
  }

  #leave(entry: QueueEntry): void {
    const { uid } = entry.info;
    this.#active.remove(uid);
    this.#timed.remove(uid);
    if (entry.state === 'unschedulable' || entry.state === 'gated') this.#awaiting.delete(entry);
  }
}
