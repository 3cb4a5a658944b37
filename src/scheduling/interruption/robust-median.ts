/** The newest few samples of something measured, of which the median counts: outliers, however wild, move nothing. */
export class RecentSamples {
  readonly #limit: number;
  readonly #newestLast: number[] = [];
  /** The same, the smallest first: what was sorted once is not sorted anew at each question. */
  readonly #sorted: number[] = [];

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
    this.#sorted.splice(placeOf(sample, this.#sorted), 0, sample);
    if (this.#newestLast.length <= this.#limit) return;
    const oldest = this.#newestLast.shift();
    this.#sorted.splice(this.#sorted.indexOf(oldest ?? 0), 1);
  }

  /** The median with what was expected beforehand as one sample more: the first measurement alone does not decide. */
  medianWith(expected: number): number {
    const place = placeOf(expected, this.#sorted);
    const at = (index: number): number =>
      index === place ? expected : (this.#sorted[index < place ? index : index - 1] ?? expected);
    return middleOf(this.#sorted.length + 1, at);
  }
}

/** Of positive numbers; between the two in the middle their geometric mean, as is right for ratios. */
export function medianOf(samples: readonly number[]): number {
  if (samples.length === 0) return 1;
  const sorted = samples.length === 1 ? samples : [...samples].sort((one, other) => one - other);
  return middleOf(sorted.length, (index) => sorted[index] ?? 1);
}

function middleOf(count: number, at: (index: number) => number): number {
  const upper = at(count >>> 1);
  return count % 2 === 1 ? upper : Math.sqrt(upper * at((count >>> 1) - 1));
}

/** Where the number belongs among sorted ones. */
function placeOf(sample: number, sorted: readonly number[]): number {
  let place = 0;
  while (place < sorted.length && (sorted[place] ?? 0) < sample) place++;
  return place;
}
