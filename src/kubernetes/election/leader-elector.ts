import { type Clock, type Random, rfc3339Micro } from '../../clock/index.ts';
import { FermataError, LEASES, type Lease, type Log, reasonOf } from '../../model/index.ts';
import { isApiError } from '../api-error.ts';
import type { EventRecorder } from '../event-recorder.ts';
import type { ObjectStore } from '../store.ts';
import { FencedStore } from './fenced-store.ts';
import { CurrentTerm, type Instant, instantOf, type Term } from './term.ts';

/** client-go's names and defaults (`tools/leaderelection`, kube-scheduler's flags). */
export interface LeaderElectionTimes {
  /** How long others wait, since they last saw a change of the Lease, before they take it. Default 15,000. */
  leaseDurationMilliseconds: number;
  /** How long the holder goes on without a renewal that was answered. Default 10,000; must be shorter. */
  renewDeadlineMilliseconds: number;
  /** Between two tries to renew, or (with up to 120 % more) to acquire. Default 2,000. */
  retryPeriodMilliseconds: number;
}

export const LEADER_ELECTION_TIMES: LeaderElectionTimes = {
  leaseDurationMilliseconds: 15_000,
  renewDeadlineMilliseconds: 10_000,
  retryPeriodMilliseconds: 2_000,
};

export interface LeaderElectionOptions {
  /** Of the Lease. */
  namespace: string;
  name: string;
  /** Who this replica is: must differ from every other one's, also from that of an earlier process of its own. */
  identity: string;
  times?: Partial<LeaderElectionTimes>;
}

/** What runs while this replica leads. */
export interface LedProgram {
  start(): void;
  /** Must end soon, though no write gets through any more. */
  stop(): Promise<void>;
}

/** client-go waits up to this much longer, so that candidates do not come all at once. */
const JITTER_FACTOR = 1.2;
/** A holder that gave the Lease back with writes whose answers never came says so, for the next one. */
const UNFINISHED_ANNOTATION = 'fermata.dev/unfinished-writes';

/**
 * One of several replicas, of which one leads: wins a Lease (`coordination.k8s.io/v1`), runs a program as long as it holds
 * it, stops it when it does not, and tries again. As in client-go, the age of a Lease is counted on the own monotonic
 * clock from when it was last seen to change, so that the replicas' clocks need not agree. Unlike there, the program writes
 * through a {@link FencedStore}, and is told whether writes of the leader before may still be on their way.
 */
export class LeaderElector {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #events: EventRecorder | undefined;
  readonly #options: LeaderElectionOptions;
  readonly #times: LeaderElectionTimes;
  readonly #lock: string;
  readonly #program: (store: ObjectStore, term: Term) => LedProgram;
  /** The Lease as last seen, and when it was first seen so, ms of the monotonic clock. */
  #observed: { lease: Lease; at: number } | undefined;
  /** Whether it must be read before it is written: only the holder, after a renewal that went well, knows what it is. */
  #isStale = true;
  #term: CurrentTerm | undefined;
  #running: { abort: AbortController; done: Promise<void> } | undefined;

  /** @param program made anew for each term, with the store it is to write to */
  constructor(
    parts: { store: ObjectStore; clock: Clock; random: Random; log: Log; events?: EventRecorder },
    options: LeaderElectionOptions,
    program: (store: ObjectStore, term: Term) => LedProgram,
  ) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#log = parts.log;
    this.#events = parts.events;
    this.#options = options;
    this.#times = { ...LEADER_ELECTION_TIMES, ...options.times };
    this.#lock = `${options.namespace}/${options.name}`;
    this.#program = program;
    const { leaseDurationMilliseconds, renewDeadlineMilliseconds, retryPeriodMilliseconds } = this.#times;
    if (
      leaseDurationMilliseconds <= renewDeadlineMilliseconds ||
      renewDeadlineMilliseconds <= retryPeriodMilliseconds * JITTER_FACTOR
    ) {
      throw new FermataError(
        'LeaderElectionInvalid',
        `leader election for ${this.#lock}: the lease (${leaseDurationMilliseconds} ms) must outlast the renew deadline (${renewDeadlineMilliseconds} ms), and that 1.2 times the retry period (${retryPeriodMilliseconds} ms)`,
        { nextStep: 'Correct --leader-elect-lease-duration, -renew-deadline and -retry-period, or leave them out.' },
      );
    }
  }

  get isLeader(): boolean {
    return this.#term !== undefined;
  }

  /** Who held the Lease when it was last seen; empty: nobody. */
  get holder(): string {
    return this.#observed?.lease.spec?.holderIdentity ?? '';
  }

  start(): void {
    if (this.#running !== undefined) return;
    const abort = new AbortController();
    this.#running = { abort, done: this.#run(abort.signal) };
  }

  /** Stops the program, if it runs, and then gives the Lease back, so that another replica leads at once. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.abort.abort(new FermataError('Stopped', `the election for ${this.#lock} was stopped`));
    await running.done;
    if (this.#running === running) this.#running = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const term = await this.#acquire(signal);
      if (term !== undefined) await this.#lead(term, signal);
    }
  }

  /** Undefined only when stopped. */
  async #acquire(signal: AbortSignal): Promise<CurrentTerm | undefined> {
    while (!signal.aborted) {
      const before = this.#observed?.lease;
      const began = instantOf(this.#clock);
      const won = await this.#attempt(began);
      if (won !== undefined) {
        const followsUnfinished = won.previous !== undefined && !isGivenBack(won.previous);
        const id = won.lease.metadata.resourceVersion;
        const term = new CurrentTerm(this.#clock, this.#lock, { ...this.#options, id, followsUnfinished });
        term.renewed(began, this.#times.renewDeadlineMilliseconds);
        return term;
      }
      const { holder } = this;
      if (holder !== '' && holder !== before?.spec?.holderIdentity) {
        this.#log.info({ lease: this.#lock, holder }, 'another replica leads; this one waits');
      }
      await this.#pause(this.#times.retryPeriodMilliseconds * (1 + JITTER_FACTOR * this.#random()), signal);
    }
    return undefined;
  }

  async #lead(term: CurrentTerm, signal: AbortSignal): Promise<void> {
    this.#term = term;
    this.#tell(`${term.identity} became leader`);
    const program = this.#program(new FencedStore(this.#store, term), term);
    program.start();
    // It is renewed while the program stops, too: until then nobody else may lead.
    const ended = new AbortController();
    const renewing = this.#renew(term, ended.signal);
    await Promise.race([renewing, aborted(signal)]);
    const lost = !signal.aborted;
    await program.stop();
    ended.abort(new FermataError('Stopped', `${term.identity} stops leading`));
    await renewing;
    const isHeld = !term.signal.aborted;
    term.end(`${term.identity} stopped leading`);
    if (isHeld) await this.#release(term);
    this.#term = undefined;
    if (lost) this.#log.warn({ lease: this.#lock, identity: term.identity }, 'leadership was lost');
    this.#tell(`${term.identity} stopped leading`);
  }

  /** Until the term is lost (then it is ended at once) or `signal` says that it is not needed any more. */
  async #renew(term: CurrentTerm, signal: AbortSignal): Promise<void> {
    const { retryPeriodMilliseconds, renewDeadlineMilliseconds } = this.#times;
    let deadline = this.#clock.monotonic() + renewDeadlineMilliseconds;
    const left = (): number => deadline - this.#clock.monotonic();
    while (!signal.aborted) {
      await this.#pause(Math.min(retryPeriodMilliseconds, Math.max(0, left())), signal);
      if (signal.aborted) return;
      if (left() <= 0) {
        term.end(`${term.identity} could not renew it for ${renewDeadlineMilliseconds} ms`);
        return;
      }
      const began = instantOf(this.#clock);
      const renewed = await this.#attempt(began, left());
      if (renewed !== undefined) {
        if (renewed.previous !== undefined && renewed.previous.spec?.holderIdentity !== term.identity) {
          // Somebody else led in between, and has given it back: what this term has decided since may be wrong.
          term.end(`${renewed.previous.spec?.holderIdentity || 'another replica'} held it meanwhile`);
          return;
        }
        term.renewed(began, renewDeadlineMilliseconds);
        deadline = began.monotonic + renewDeadlineMilliseconds;
      } else if (this.holder !== '' && this.holder !== term.identity) {
        term.end(`${this.holder} holds it`);
        return;
      }
    }
  }

  /**
   * One try to acquire or renew (client-go's `tryAcquireOrRenew`). Gives the Lease as written, and what it was before
   * (undefined: it was created); undefined when somebody else holds it, or the server did not answer. Never given up half-way
   * by a stop: whether the Lease is held must be known, to give it back.
   */
  async #attempt(
    began: Instant,
    timeoutMilliseconds = this.#times.renewDeadlineMilliseconds,
  ): Promise<{ lease: Lease; previous: Lease | undefined } | undefined> {
    // Half of the deadline, as client-go's clients have it: an answer that never comes leaves time for another try.
    const timeout = Math.min(timeoutMilliseconds, this.#times.renewDeadlineMilliseconds / 2);
    try {
      return await this.#within(timeout, (limited) => this.#acquireOrRenew(began, limited));
    } catch (error) {
      if (!isApiError(error, 'Conflict', 'AlreadyExists')) {
        this.#log.warn({ lease: this.#lock, reason: reasonOf(error) }, 'the lease could not be acquired or renewed');
      }
      this.#isStale = true;
      return undefined;
    }
  }

  async #within<R>(milliseconds: number, act: (limited: { signal: AbortSignal }) => Promise<R>): Promise<R> {
    const limit = new AbortController();
    const timer = this.#clock.setTimer(milliseconds, () => {
      limit.abort(new FermataError('LeaseUnanswered', `the API server did not answer within ${milliseconds} ms`));
    });
    try {
      return await act({ signal: limit.signal });
    } finally {
      timer.cancel();
    }
  }

  async #acquireOrRenew(
    began: Instant,
    limited: { signal: AbortSignal },
  ): Promise<{ lease: Lease; previous: Lease | undefined } | undefined> {
    const { namespace, name, identity } = this.#options;
    const known = this.#term === undefined || this.#isStale ? undefined : this.#observed?.lease;
    const current = known ?? (await this.#read(limited));
    if (current === undefined) {
      const draft = { metadata: { namespace, name }, spec: this.#spec(undefined, began.wall) };
      return { lease: this.#observe(await this.#store.create(LEASES, draft, limited)), previous: undefined };
    }
    if (current.spec?.holderIdentity !== identity && this.#isHeld(current)) return undefined;
    const { [UNFINISHED_ANNOTATION]: _, ...annotations } = current.metadata.annotations ?? {};
    const next: Lease = {
      ...current,
      metadata: { ...current.metadata, annotations },
      spec: this.#spec(current, began.wall),
    };
    const written = await this.#store.replace(LEASES, next, limited);
    this.#isStale = false;
    return { lease: this.#observe(written), previous: current };
  }

  async #read(limited: { signal: AbortSignal }): Promise<Lease | undefined> {
    const { namespace, name } = this.#options;
    try {
      return this.#observe(await this.#store.get(LEASES, { namespace, name }, limited));
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #observe(lease: Lease): Lease {
    if (this.#observed?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) {
      this.#observed = { lease, at: this.#clock.monotonic() };
    }
    return lease;
  }

  /** Whether its holder may still believe to hold it. */
  #isHeld({ spec }: Lease): boolean {
    if (!spec?.holderIdentity) return false;
    const duration = (spec.leaseDurationSeconds ?? 0) * 1_000 || this.#times.leaseDurationMilliseconds;
    return this.#clock.monotonic() < (this.#observed?.at ?? 0) + duration;
  }

  #spec(current: Lease | undefined, now: number): NonNullable<Lease['spec']> {
    const { identity } = this.#options;
    const renewTime = rfc3339Micro(now);
    const isMine = current?.spec?.holderIdentity === identity;
    const transitions = current?.spec?.leaseTransitions ?? 0;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#times.leaseDurationMilliseconds / 1_000),
      acquireTime: (isMine ? current?.spec?.acquireTime : undefined) ?? renewTime,
      renewTime,
      leaseTransitions: current === undefined || isMine ? transitions : transitions + 1,
    };
  }

  async #release(term: CurrentTerm): Promise<void> {
    const timeout = this.#times.renewDeadlineMilliseconds / 2;
    try {
      await this.#within(timeout, async (limited) => {
        // A renewal without an answer may have changed it.
        const lease = await this.#read(limited);
        if (lease?.spec?.holderIdentity !== term.identity) return;
        const now = rfc3339Micro(this.#clock.now());
        const unfinished = term.leavesUnfinished ? { [UNFINISHED_ANNOTATION]: term.identity } : {};
        const released: Lease = {
          ...lease,
          metadata: { ...lease.metadata, annotations: { ...lease.metadata.annotations, ...unfinished } },
          spec: {
            holderIdentity: '',
            leaseDurationSeconds: 1,
            acquireTime: now,
            renewTime: now,
            leaseTransitions: lease.spec.leaseTransitions ?? 0,
          },
        };
        this.#observe(await this.#store.replace(LEASES, released, limited));
      });
    } catch (error) {
      // Then it runs out by itself.
      this.#log.warn({ lease: this.#lock, reason: reasonOf(error) }, 'the lease could not be given back');
    }
  }

  #tell(what: string): void {
    this.#log.info({ lease: this.#lock, holder: this.holder }, what);
    const lease = this.#observed?.lease;
    if (lease !== undefined) this.#events?.record(lease, 'Normal', 'LeaderElection', what);
  }

  async #pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(milliseconds, signal);
    } catch (interruption) {
      if (!signal.aborted) throw interruption;
    }
  }
}

function isGivenBack({ metadata, spec }: Lease): boolean {
  return !spec?.holderIdentity && metadata.annotations?.[UNFINISHED_ANNOTATION] === undefined;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
