/** Room that is taken for a time; times are ms since the epoch, `until` excluded. */
export interface Occupancy {
  readonly requests: Float64Array;
  readonly from: number;
  /** Infinity: nobody knows of an end. */
  readonly until: number;
}

/**
 * What is taken of one node over time: what runs there until its known end, and what is reserved. All questions are
 * answered by walking the instants at which something begins or ends, of which a node has few.
 */
export class NodeTimeline {
  readonly #capacity: Float64Array;
  readonly #occupancies: readonly Occupancy[];

  constructor(capacity: Float64Array, occupancies: readonly Occupancy[]) {
    this.#capacity = capacity;
    this.#occupancies = occupancies;
  }

  /** Whether `requests` fit at every instant of `[from, until)`. */
  fits(requests: Float64Array, from: number, until: number): boolean {
    if (until <= from) return true;
    if (!this.#fitsAt(requests, from)) return false;
    // What is taken only grows where something begins.
    for (const { from: begin } of this.#occupancies) {
      if (begin > from && begin < until && !this.#fitsAt(requests, begin)) return false;
    }
    return true;
  }

  /**
   * The first instant from `notBefore` on at which `requests` fit for `duration` ms (Infinity: for good), undefined when
   * there is none: room only becomes free where something ends, so that no other instant has to be looked at.
   */
  earliest(requests: Float64Array, notBefore: number, duration: number): number | undefined {
    for (const start of this.starts(notBefore)) if (this.fits(requests, start, start + duration)) return start;
    return undefined;
  }

  /** `notBefore` and every known end after it, in order. */
  starts(notBefore: number): number[] {
    const starts = new Set([notBefore]);
    for (const { until } of this.#occupancies) if (until > notBefore && until !== Infinity) starts.add(until);
    return [...starts].sort((one, other) => one - other);
  }

  #fitsAt(requests: Float64Array, instant: number): boolean {
    for (let index = 0; index < requests.length; index++) {
      const asked = requests[index] ?? 0;
      if (asked <= 0) continue;
      let left = (this.#capacity[index] ?? 0) - asked;
      for (const { requests: taken, from, until } of this.#occupancies) {
        if (from <= instant && instant < until) left -= taken[index] ?? 0;
      }
      if (left < 0) return false;
    }
    return true;
  }
}
