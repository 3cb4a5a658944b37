import { AvailabilityProfile } from './availability-profile.ts';
import { JobQueue } from './job-queue.ts';
import type { Pool, PoolPolicy } from './pool.ts';

/**
 * Conservative backfilling (Mu'alem and Feitelson 2001): every job has a reservation when it comes, and nobody delays one. A
 * job that ends early lets the others move forward, in the order of their submission.
 */
export class Conservative implements PoolPolicy {
  readonly #pool: Pool;
  readonly #total: number;
  readonly #queue = new JobQueue();
  readonly #running = new Map<number, number>();
  readonly #reserved: Float64Array;
  #profile: AvailabilityProfile;
  #mustReplan = false;
  /** Submitted since the last pass. */
  #fresh: number[] = [];

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#total = pool.free;
    this.#profile = new AvailabilityProfile(0, this.#total);
    this.#reserved = new Float64Array(pool.processors.length);
  }

  submit(job: number): void {
    this.#queue.push(job);
    this.#fresh.push(job);
  }

  end(job: number, now: number): void {
    const expected = this.#running.get(job) ?? now;
    this.#running.delete(job);
    if (expected > now) this.#mustReplan = true;
  }

  pass(now: number): void {
    if (this.#mustReplan) this.#replan(now);
    else {
      this.#profile.advance(now);
      for (const job of this.#fresh) this.#reserve(job, now);
    }
    this.#fresh = [];
    this.#mustReplan = false;
    const { processors, estimates } = this.#pool;
    this.#queue.sift(0, (job) => {
      if ((this.#reserved[job] ?? Infinity) > now || (processors[job] ?? 0) > this.#pool.free) return true;
      this.#running.set(job, now + (estimates[job] ?? 0));
      this.#pool.start(job, now);
      return false;
    });
  }

  #replan(now: number): void {
    const { processors } = this.#pool;
    this.#profile = new AvailabilityProfile(now, this.#total);
    for (const [job, end] of this.#running) this.#profile.take(now, end, processors[job] ?? 0);
    for (let place = 0; place < this.#queue.size; place++) this.#reserve(this.#queue.at(place), now);
  }

  #reserve(job: number, now: number): void {
    const processors = this.#pool.processors[job] ?? 0;
    const seconds = this.#pool.estimates[job] ?? 0;
    const at = this.#profile.earliest(now, seconds, processors);
    this.#profile.take(at, at + seconds, processors);
    this.#reserved[job] = at;
  }
}
