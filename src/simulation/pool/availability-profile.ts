/** How many processors are free from when on: a step function of time, the last step without end. */
export class AvailabilityProfile {
  readonly #times: number[];
  readonly #free: number[];

  constructor(from: number, processors: number) {
    this.#times = [from];
    this.#free = [processors];
  }

  /** Forgets what lies before. */
  advance(now: number): void {
    let passed = 0;
    while (passed + 1 < this.#times.length && (this.#times[passed + 1] ?? Infinity) <= now) passed++;
    if (passed === 0) return;
    this.#times.splice(0, passed);
    this.#free.splice(0, passed);
  }

  /** The first time from `from` on at which so many are free for so long. */
  earliest(from: number, seconds: number, processors: number): number {
    let candidate = from;
    for (let index = 0; index < this.#times.length; index++) {
      const begins = this.#times[index] ?? 0;
      const ends = this.#times[index + 1] ?? Infinity;
      if (ends <= candidate) continue;
      if (begins >= candidate + seconds) return candidate;
      if ((this.#free[index] ?? 0) < processors) candidate = ends;
    }
    return candidate;
  }

  take(from: number, to: number, processors: number): void {
    const first = this.#cut(from);
    const last = this.#cut(to);
    for (let index = first; index < last; index++) this.#free[index] = (this.#free[index] ?? 0) - processors;
  }

  /** Index of the step that begins at the time, made if there is none. */
  #cut(time: number): number {
    let [from, to] = [0, this.#times.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if ((this.#times[middle] ?? 0) < time) from = middle + 1;
      else to = middle;
    }
    if (this.#times[from] === time || time === Infinity) return from;
    if (from === 0) return 0;
    this.#times.splice(from, 0, time);
    this.#free.splice(from, 0, this.#free[from - 1] ?? 0);
    return from;
  }
}
