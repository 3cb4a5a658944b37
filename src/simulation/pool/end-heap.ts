/** Indices by a time, earliest first; of one instant the one that was put in first. */
export class EndHeap {
  #times: Float64Array = new Float64Array(64);
  #orders: Float64Array = new Float64Array(64);
  #items: Int32Array = new Int32Array(64);
  #size = 0;
  #next = 0;

  get size(): number {
    return this.#size;
  }

  /** Infinity when empty. */
  get earliest(): number {
    return this.#size === 0 ? Infinity : (this.#times[0] ?? Infinity);
  }

  push(time: number, item: number): void {
    if (this.#size === this.#items.length) this.#grow();
    let place = this.#size++;
    const order = this.#next++;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (!this.#isBefore(time, order, above)) break;
      this.#move(above, place);
      place = above;
    }
    this.#put(place, time, order, item);
  }

  /** -1 when empty. */
  pop(): number {
    if (this.#size === 0) return -1;
    const item = this.#items[0] ?? -1;
    const last = --this.#size;
    const time = this.#times[last] ?? 0;
    const order = this.#orders[last] ?? 0;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= last) break;
      if (below + 1 < last && this.#isBefore(this.#times[below + 1] ?? 0, this.#orders[below + 1] ?? 0, below)) below++;
      if (this.#isBefore(time, order, below)) break;
      this.#move(below, place);
      place = below;
    }
    this.#put(place, time, order, this.#items[last] ?? -1);
    return item;
  }

  #isBefore(time: number, order: number, other: number): boolean {
    const otherTime = this.#times[other] ?? 0;
    return time < otherTime || (time === otherTime && order < (this.#orders[other] ?? 0));
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] ?? 0, this.#orders[from] ?? 0, this.#items[from] ?? -1);
  }

  #put(place: number, time: number, order: number, item: number): void {
    this.#times[place] = time;
    this.#orders[place] = order;
    this.#items[place] = item;
  }

  #grow(): void {
    const times = new Float64Array(this.#items.length * 2);
    const orders = new Float64Array(this.#items.length * 2);
    const items = new Int32Array(this.#items.length * 2);
    times.set(this.#times);
    orders.set(this.#orders);
    items.set(this.#items);
    [this.#times, this.#orders, this.#items] = [times, orders, items];
  }
}
