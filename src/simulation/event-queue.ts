/** What is to happen, earliest first; of one instant what was put in first. */
export class EventQueue<T> {
  #times = new Float64Array(64);
  #orders = new Float64Array(64);
  readonly #items: (T | undefined)[] = [];
  #size = 0;
  #next = 0;

  get size(): number {
    return this.#size;
  }

  /** Infinity when empty. */
  get earliest(): number {
    return this.#size === 0 ? Infinity : (this.#times[0] ?? Infinity);
  }

  /** What {@link pop} would give. */
  get first(): T | undefined {
    return this.#items[0];
  }

  push(time: number, item: T): void {
    if (this.#size === this.#times.length) this.#grow();
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

  pop(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[0];
    const last = --this.#size;
    const time = this.#times[last] ?? 0;
    const order = this.#orders[last] ?? 0;
    const moved = this.#items[last];
    this.#items[last] = undefined;
    if (last === 0) return item;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= last) break;
      if (below + 1 < last && this.#isBefore(this.#times[below + 1] ?? 0, this.#orders[below + 1] ?? 0, below)) below++;
      if (this.#isBefore(time, order, below)) break;
      this.#move(below, place);
      place = below;
    }
    this.#put(place, time, order, moved);
    return item;
  }

  #isBefore(time: number, order: number, other: number): boolean {
    const otherTime = this.#times[other] ?? 0;
    return time < otherTime || (time === otherTime && order < (this.#orders[other] ?? 0));
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from] ?? 0, this.#orders[from] ?? 0, this.#items[from]);
  }

  #put(place: number, time: number, order: number, item: T | undefined): void {
    this.#times[place] = time;
    this.#orders[place] = order;
    this.#items[place] = item;
  }

  #grow(): void {
    const times = new Float64Array(this.#times.length * 2);
    const orders = new Float64Array(this.#times.length * 2);
    times.set(this.#times);
    orders.set(this.#orders);
    [this.#times, this.#orders] = [times, orders];
  }
}
