/** The newest few samples of something measured, of which the median counts: outliers, however wild, move nothing. */
export class RecentSamples {
  readonly #limit: number;
  readonly #newestLast: number[] = [];

  /** @param limit samples kept */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#newestLast.length;
  }

  add(sample: number): void {
    if (!Number.isFinite(sample) || sample <= 0) return;
    this.#newestLast.push(sample);
    if (this.#newestLast.length > this.#limit) this.#newestLast.shift();
  }

  /** The median with what was expected beforehand as one sample more: the first measurement alone does not decide. */
  medianWith(expected: number): number {
    return medianOf([...this.#newestLast, expected]);
  }
}

/** Of positive numbers; between the two in the middle their geometric mean, as is right for ratios. */
export function medianOf(samples: readonly number[]): number {
  const sorted = [...samples].sort((one, other) => one - other);
  const upper = sorted[sorted.length >>> 1] ?? 1;
  if (sorted.length % 2 === 1) return upper;
  return Math.sqrt(upper * (sorted[(sorted.length >>> 1) - 1] ?? upper));
}
