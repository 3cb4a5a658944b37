import { JobQueue } from './job-queue.ts';
import type { Pool, PoolPolicy } from './pool.ts';

/** First come, first served: nobody overtakes the head of the queue. */
export class Fcfs implements PoolPolicy {
  readonly #pool: Pool;
  readonly #queue = new JobQueue();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  submit(job: number): void {
    this.#queue.push(job);
  }

  end(): void {}

  pass(now: number): void {
    for (let head = this.#queue.head; head !== -1; head = this.#queue.head) {
      if ((this.#pool.processors[head] ?? 0) > this.#pool.free) return;
      this.#queue.shift();
      this.#pool.start(head, now);
    }
  }
}
