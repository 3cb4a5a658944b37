import { JobQueue } from './job-queue.ts';
import type { Pool, PoolPolicy } from './pool.ts';
import { RunningJobs } from './running-jobs.ts';

/**
 * EASY (Lifka 1995; Mu'alem and Feitelson 2001): the head of the queue has a reservation at the earliest time the estimates of
 * running jobs allow; others may run ahead of it if they end by then, or use only processors it leaves then.
 *
 * Of jobs expected to end at one time the narrower counts first, and none beyond those the head needs: what is left for others
 * at that time depends on it, and schedules with it (docs/evaluation.md says how much).
 */
export class Easy implements PoolPolicy {
  readonly #pool: Pool;
  readonly #queue = new JobQueue();
  /** By expected end, then by processors, then by index; and those ends. */
  readonly #running = new RunningJobs((one, other) => this.#endsBefore(one, other));
  readonly #expectedEnd: Float64Array;
  /** Of the reservation, valid while nothing ended or started. */
  #shadow = Infinity;
  #extra = 0;
  /** How much of the queue was tried since then: what did not fit before does not fit later, when only time has passed. */
  #tried = 0;
  #isStale = true;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#expectedEnd = new Float64Array(pool.processors.length);
  }

  submit(job: number): void {
    this.#queue.push(job);
  }

  end(job: number): void {
    this.#running.delete(job);
    this.#isStale = true;
  }

  pass(now: number): void {
    const { processors } = this.#pool;
    for (let head = this.#queue.head; head !== -1; head = this.#queue.head) {
      if ((processors[head] ?? 0) > this.#pool.free) break;
      this.#queue.shift();
      this.#start(head, now);
      this.#isStale = true;
    }
    if (this.#queue.size === 0) return;
    if (this.#isStale) this.#reserve();
    this.#backfill(now);
  }

  #reserve(): void {
    const { processors, free } = this.#pool;
    const needed = processors[this.#queue.head] ?? 0;
    let available = free;
    let last = 0;
    for (const job of this.#running) {
      if (available >= needed) break;
      available += processors[job] ?? 0;
      last = job;
    }
    this.#shadow = this.#expectedEnd[last] ?? Infinity;
    this.#extra = available - needed;
    this.#tried = 1;
    this.#isStale = false;
  }

  #backfill(now: number): void {
    const { processors, estimates } = this.#pool;
    this.#queue.sift(this.#tried, (job) => {
      const { free } = this.#pool;
      if (free === 0) return undefined;
      const needed = processors[job] ?? 0;
      if (needed > free) return true;
      const endsInTime = now + (estimates[job] ?? 0) <= this.#shadow;
      if (!endsInTime && needed > this.#extra) return true;
      if (!endsInTime) this.#extra -= needed;
      this.#start(job, now);
      return false;
    });
    this.#tried = this.#queue.size;
  }

  #start(job: number, now: number): void {
    this.#expectedEnd[job] = now + (this.#pool.estimates[job] ?? 0);
    this.#running.add(job);
    this.#pool.start(job, now);
  }

  #endsBefore(one: number, other: number): boolean {
    const later = (this.#expectedEnd[one] ?? 0) - (this.#expectedEnd[other] ?? 0);
    if (later !== 0) return later < 0;
    const { processors } = this.#pool;
    const wider = (processors[one] ?? 0) - (processors[other] ?? 0);
    return wider === 0 ? one < other : wider < 0;
  }
}
