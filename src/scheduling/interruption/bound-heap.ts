import type { PlanOrder, PlanRank } from './plan-order.ts';

/** Something with the best rank it could have. */
export interface Bounded {
  readonly bound: PlanRank;
}

/** Takes entries by their bounds, best first; puts no more of them in order than are taken. */
export class BoundHeap<T extends Bounded> {
  readonly #entries: T[];
  readonly #order: PlanOrder;

  /** Takes over the array. */
  constructor(entries: T[], order: PlanOrder) {
    this.#entries = entries;
    this.#order = order;
    for (let index = (entries.length >>> 1) - 1; index >= 0; index--) this.#sink(index);
  }

  peek(): T | undefined {
    return this.#entries[0];
  }

  pop(): T | undefined {
    const [first] = this.#entries;
    const last = this.#entries.pop();
    if (last !== undefined && this.#entries.length > 0) {
      this.#entries[0] = last;
      this.#sink(0);
    }
    return first;
  }

  #sink(from: number): void {
    const entries = this.#entries;
    let parent = from;
    for (;;) {
      let child = 2 * parent + 1;
      const right = child + 1;
      if (child >= entries.length) return;
      if (right < entries.length && this.#isBefore(right, child)) child = right;
      if (!this.#isBefore(child, parent)) return;
      const moved = entries[parent];
      const risen = entries[child];
      if (moved === undefined || risen === undefined) return;
      entries[parent] = risen;
      entries[child] = moved;
      parent = child;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const first = this.#entries[one];
    const second = this.#entries[other];
    return first !== undefined && second !== undefined && this.#order(first.bound, second.bound) < 0;
  }
}
