/**
 * Use of something over time that counts the less the longer it is ago: half after each half-life (Slurm's
 * `PriorityDecayHalfLife`). What is in use adds continuously; the sum is exact at any instant, without ticks.
 */
export class DecayedUsage {
  readonly #halfLifeMs: number;
  #sum = 0;
  #rate = 0;
  #at = 0;

  /** @param halfLifeMs Infinity: nothing is ever forgotten */
  constructor(halfLifeMs: number) {
    this.#halfLifeMs = halfLifeMs;
  }

  /** What is in use now. */
  get rate(): number {
    return this.#rate;
  }

  /** `amount` more (or, negative, less) is in use from `now` on; times must not go back. */
  change(amount: number, now: number): void {
    this.#advance(now);
    this.#rate = Math.max(0, this.#rate + amount);
  }

  /** `amount` was in use from `from` to `until`, which is past. */
  addPast(amount: number, from: number, until: number): void {
    this.#advance(until);
    this.#sum += amount * this.#lasting(until - from) * this.#decay(this.#at - until);
  }

  /** Amount × seconds, decayed. */
  at(now: number): number {
    const elapsed = Math.max(0, now - this.#at);
    return this.#sum * this.#decay(elapsed) + this.#rate * this.#lasting(elapsed);
  }

  #advance(now: number): void {
    if (now <= this.#at) return;
    this.#sum = this.at(now);
    this.#at = now;
  }

  #decay(elapsedMs: number): number {
    return this.#halfLifeMs === Infinity ? 1 : 2 ** (-elapsedMs / this.#halfLifeMs);
  }

  /** Seconds that are left, decayed, of `elapsedMs` up to now. */
  #lasting(elapsedMs: number): number {
    if (this.#halfLifeMs === Infinity) return elapsedMs / 1000;
    return ((this.#halfLifeMs / Math.LN2) * (1 - this.#decay(elapsedMs))) / 1000;
  }
}
