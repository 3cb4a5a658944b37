/** A binary heap in which an item is found, moved and removed by its key in O(log n). */
export class Heap<T> {
  readonly #less: (one: T, other: T) => boolean;
  readonly #key: (item: T) => string;
  readonly #items: T[] = [];
  readonly #positions = new Map<string, number>();

  constructor(less: (one: T, other: T) => boolean, key: (item: T) => string) {
    this.#less = less;
    this.#key = key;
  }

  get size(): number {
    return this.#items.length;
  }

  has(key: string): boolean {
    return this.#positions.has(key);
  }

  peek(): T | undefined {
    return this.#items[0];
  }

  /** Adds the item, or puts it in place of the one with its key. */
  push(item: T): void {
    const key = this.#key(item);
    const position = this.#positions.get(key) ?? this.#items.length;
    this.#put(item, position);
    this.#up(position);
    this.#down(this.#positions.get(key) ?? position);
  }

  pop(): T | undefined {
    const first = this.#items[0];
    if (first !== undefined) this.remove(this.#key(first));
    return first;
  }

  remove(key: string): boolean {
    const position = this.#positions.get(key);
    if (position === undefined) return false;
    this.#positions.delete(key);
    const last = this.#items.pop();
    if (last !== undefined && position < this.#items.length) {
      this.#put(last, position);
      this.#up(position);
      this.#down(this.#positions.get(this.#key(last)) ?? position);
    }
    return true;
  }

  #put(item: T, position: number): void {
    this.#items[position] = item;
    this.#positions.set(this.#key(item), position);
  }

  #up(start: number): void {
    let position = start;
    while (position > 0) {
      const parent = (position - 1) >>> 1;
      if (!this.#swapIfLess(position, parent)) return;
      position = parent;
    }
  }

  #down(start: number): void {
    let position = start;
    for (;;) {
      const left = 2 * position + 1;
      if (left >= this.#items.length) return;
      const right = left + 1;
      const child = right < this.#items.length && this.#isLess(right, left) ? right : left;
      if (!this.#swapIfLess(child, position)) return;
      position = child;
    }
  }

  #isLess(one: number, other: number): boolean {
    const left = this.#items[one];
    const right = this.#items[other];
    return left !== undefined && right !== undefined && this.#less(left, right);
  }

  #swapIfLess(one: number, other: number): boolean {
    const left = this.#items[one];
    const right = this.#items[other];
    if (left === undefined || right === undefined || !this.#less(left, right)) return false;
    this.#put(left, other);
    this.#put(right, one);
    return true;
  }
}
