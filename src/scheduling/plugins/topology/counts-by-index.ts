/** Beyond this many counts an array over all indexes is used: most things are on few nodes, the others are asked often. */
const MOST_SPARSE = 128;

/** Whole numbers by small index, most of them 0. */
export class CountsByIndex {
  readonly #sparse = new Map<number, number>();
  #dense: Int32Array | undefined;
  #occupied = 0;

  /** How many are not 0. */
  get occupied(): number {
    return this.#occupied;
  }

  get(index: number): number {
    return (this.#dense === undefined ? this.#sparse.get(index) : this.#dense[index]) ?? 0;
  }

  /** Returns the new count. */
  add(index: number, delta: number): number {
    const before = this.get(index);
    const after = before + delta;
    if (before === 0 && after !== 0) this.#occupied += 1;
    else if (before !== 0 && after === 0) this.#occupied -= 1;
    this.#set(index, after);
    return after;
  }

  /** Those that are not 0. */
  indexes(): number[] {
    if (this.#dense === undefined) return [...this.#sparse.keys()];
    const indexes: number[] = [];
    this.#dense.forEach((count, index) => {
      if (count !== 0) indexes.push(index);
    });
    return indexes;
  }

  #set(index: number, count: number): void {
    if (this.#dense === undefined) {
      if (count === 0) this.#sparse.delete(index);
      else this.#sparse.set(index, count);
      if (this.#sparse.size > MOST_SPARSE) this.#makeDense();
      return;
    }
    if (index >= this.#dense.length) {
      const longer = new Int32Array(Math.max(index + 1, this.#dense.length * 2));
      longer.set(this.#dense);
      this.#dense = longer;
    }
    this.#dense[index] = count;
  }

  #makeDense(): void {
    this.#dense = new Int32Array(Math.max(...this.#sparse.keys()) + 1);
    for (const [index, count] of this.#sparse) this.#dense[index] = count;
    this.#sparse.clear();
  }
}
