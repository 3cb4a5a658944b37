import type { Clock } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';

/** One time of leading, from the moment the Lease was won until it is lost or given back. */
export interface Term {
  /** Differs from that of every other term of the same Lease: its resourceVersion when it was won. */
  readonly id: string;
  /** `spec.holderIdentity` of the Lease. */
  readonly identity: string;
  /**
   * Whether writes of the leader before may still be on their way: it did not give the Lease back, or gave it back with
   * writes whose answers never came.
   */
  readonly followsUnfinished: boolean;
  /** To be called once such writes can do no harm any more; until then a successor is told to expect them, too. */
  predecessorSettled(): void;
  /** Aborted, with a NotLeader, when the term ends. */
  readonly signal: AbortSignal;
}

/** The term as its elector keeps it. */
export class CurrentTerm implements Term {
  readonly id: string;
  readonly identity: string;
  readonly followsUnfinished: boolean;
  readonly #lock: string;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #validUntil = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };
  #isPredecessorSettled: boolean;
  #hasUnansweredWrites = false;

  constructor(clock: Clock, lock: string, facts: Pick<Term, 'id' | 'identity' | 'followsUnfinished'>) {
    this.#clock = clock;
    this.#lock = lock;
    this.id = facts.id;
    this.identity = facts.identity;
    this.followsUnfinished = facts.followsUnfinished;
    this.#isPredecessorSettled = !facts.followsUnfinished;
  }

  /** Whether writes of this term, or of those before, may still happen. */
  get leavesUnfinished(): boolean {
    return this.#hasUnansweredWrites || !this.#isPredecessorSettled;
  }

  predecessorSettled(): void {
    this.#isPredecessorSettled = true;
  }

  /** A write of this term got no answer. */
  unanswered(): void {
    this.#hasUnansweredWrites = true;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The Lease was renewed by a request that began at `began`. */
  renewed(began: Instant, renewDeadlineMilliseconds: number): void {
    this.#validUntil = {
      monotonic: began.monotonic + renewDeadlineMilliseconds,
      wall: began.wall + renewDeadlineMilliseconds,
    };
  }

  /**
   * Throws NotLeader when the term is over, or was not renewed in time. Both clocks must agree that it was: the monotonic one
   * stands still while a machine is suspended, and the other one can be set back.
   */
  assertCurrent(): void {
    this.#abort.signal.throwIfAborted();
    const now = instantOf(this.#clock);
    if (now.monotonic < this.#validUntil.monotonic && now.wall < this.#validUntil.wall) return;
    throw notLeader(this.#lock, `${this.identity} has not renewed it in time`);
  }

  end(why: string): void {
    if (!this.#abort.signal.aborted) this.#abort.abort(notLeader(this.#lock, why));
  }
}

/** One moment on both clocks. */
export interface Instant {
  monotonic: number;
  wall: number;
}

export function instantOf(clock: Clock): Instant {
  return { monotonic: clock.monotonic(), wall: clock.now() };
}

function notLeader(lock: string, why: string): FermataError {
  return new FermataError('NotLeader', `lease ${lock} is not held: ${why}; nothing was sent`, {
    nextStep: 'Nothing: another replica leads, or this one will again. `kubectl get leases -A` shows who holds it.',
  });
}
