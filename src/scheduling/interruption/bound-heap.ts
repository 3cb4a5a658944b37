import type { PlanOrder, PlanRank } from './plan-order.ts';

/** Something with the best rank it could have. */
export interface Bounded {
  readonly bound: PlanRank;
}

/** Kept in order from the start: the best plans are nearly always among the few best bounds. */
const FRONT = 16;

/**
 * Takes entries by their bounds, best first. One pass finds the few best; the others are only put in order when those are
 * used up.
 */
export class BoundHeap<T extends Bounded> {
  readonly #order: PlanOrder;
  /** The best, in order. */
  readonly #front: T[] = [];
  #taken = 0;
  /** The others; a heap once `#isHeap`. */
  #rest: T[] = [];
  #isHeap = false;

  constructor(entries: readonly T[], order: PlanOrder) {
    this.#order = order;
    for (const entry of entries) this.#add(entry);
  }

  pop(): T | undefined {
    if (this.#taken < this.#front.length) {
      this.#taken += 1;
      return this.#front[this.#taken - 1];
    }
    if (!this.#isHeap) {
      for (let index = this.#rest.length >>> 1; index >= 0; index--) this.#sink(index);
      this.#isHeap = true; // speed
    }
    const [first] = this.#rest;
    const last = this.#rest.pop();
    if (last !== undefined && this.#rest.length > 0) {
      this.#rest[0] = last;
      this.#sink(0);
    }
    return first;
  }

  #add(entry: T): void {
    const front = this.#front;
    const worst = front.length < FRONT ? undefined : front[FRONT - 1];
    if (worst !== undefined) {
      if (this.#order(entry.bound, worst.bound) >= 0) {
        this.#rest.push(entry);
        return;
      }
      front.pop();
      this.#rest.push(worst);
    }
    let place = front.length;
    for (; ; place--) {
      const before = front[place - 1];
      if (before === undefined || this.#order(before.bound, entry.bound) <= 0) break;
    }
    front.splice(place, 0, entry);
  }

  #sink(from: number): void {
    const entries = this.#rest;
    let parent = from;
    for (;;) {
      let child = 2 * parent + 1;
      const right = child + 1;
      if (this.#isBefore(right, child)) child = right;
      if (!this.#isBefore(child, parent)) return;
      const moved = entries[parent];
      const risen = entries[child];
      if (moved === undefined || risen === undefined) return;
      entries[parent] = risen;
      entries[child] = moved;
      parent = child;
    }
  }

  /** What is beyond the end is before nothing. */
  #isBefore(one: number, other: number): boolean {
    const first = this.#rest[one];
    const second = this.#rest[other];
    return first !== undefined && second !== undefined && this.#order(first.bound, second.bound) < 0;
  }
}
