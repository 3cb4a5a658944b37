/**
 * Numbers by position with the largest at hand: a tournament tree. Setting one costs O(log n), as does each position
 * read off in order. -Infinity stands for "not in question".
 */
export class MaxTree {
  readonly length: number;
  readonly #leaves: number;
  readonly #largest: Float64Array;
  /** How many positions under each vertex have its largest value. */
  readonly #equals: Int32Array;

  constructor(length: number) {
    this.length = length;
    let leaves = 1;
    while (leaves < length) leaves *= 2;
    this.#leaves = leaves;
    this.#largest = new Float64Array(2 * leaves).fill(-Infinity);
    this.#equals = new Int32Array(2 * leaves);
  }

  /** The largest value; -Infinity when no position is in question. */
  get largest(): number {
    return this.#largest[1] ?? -Infinity;
  }

  /** How many positions have the largest value. */
  get equals(): number {
    return this.#equals[1] ?? 0;
  }

  at(position: number): number {
    return this.#largest[this.#leaves + position] ?? -Infinity;
  }

  /** The values at these positions, in their order. */
  read(positions: readonly number[], into: Float64Array): void {
    const largest = this.#largest;
    const leaves = this.#leaves;
    for (let index = 0; index < positions.length; index++) {
      into[index] = largest[leaves + (positions[index] ?? 0)] ?? -Infinity;
    }
  }

  set(position: number, value: number): void {
    const largest = this.#largest;
    const equals = this.#equals;
    let vertex = this.#leaves + position;
    if (largest[vertex] === value) return;
    largest[vertex] = value;
    equals[vertex] = value === -Infinity ? 0 : 1;
    // Where one vertex stays as it is, so do all above.
    for (vertex >>>= 1; vertex > 0; vertex >>>= 1) if (!this.#settle(vertex)) return;
  }

  /** Sets all positions at once. */
  fill(values: Float64Array): void {
    const largest = this.#largest;
    const equals = this.#equals;
    const leaves = this.#leaves;
    for (let position = 0; position < this.length; position++) {
      const value = values[position] ?? -Infinity;
      largest[leaves + position] = value;
      equals[leaves + position] = value === -Infinity ? 0 : 1;
    }
    for (let vertex = leaves - 1; vertex > 0; vertex--) this.#settle(vertex);
  }

  /** The `rank`th position, counted from 0, among those with the largest value. */
  best(rank = 0): number {
    const largest = this.#largest;
    const equals = this.#equals;
    const leaves = this.#leaves;
    const wanted = largest[1] ?? -Infinity;
    let left = rank;
    let vertex = 1;
    while (vertex < leaves) {
      vertex *= 2;
      const here = largest[vertex] === wanted ? (equals[vertex] ?? 0) : 0;
      if (left < here) continue;
      left -= here;
      vertex += 1;
    }
    return vertex - leaves;
  }

  /** The positions of the `count` largest values, descending; among equals the lowest position first. */
  top(count: number): number[] {
    const found: number[] = [];
    const open = [1];
    while (found.length < count && open.length > 0) {
      let next = 0;
      for (let index = 1; index < open.length; index++) {
        if (this.#precedes(open[index] ?? 0, open[next] ?? 0)) next = index;
      }
      const vertex = open[next] ?? 0;
      open[next] = open[open.length - 1] ?? 0;
      open.pop();
      if ((this.#largest[vertex] ?? -Infinity) === -Infinity) break;
      if (vertex >= this.#leaves) found.push(vertex - this.#leaves);
      else open.push(2 * vertex, 2 * vertex + 1);
    }
    return found;
  }

  /** By value; among equals the one whose positions come first. */
  #precedes(one: number, other: number): boolean {
    const difference = (this.#largest[one] ?? -Infinity) - (this.#largest[other] ?? -Infinity);
    if (difference > 0) return true;
    return difference === 0 && this.#first(one) < this.#first(other);
  }

  #first(vertex: number): number {
    let leaf = vertex;
    while (leaf < this.#leaves) leaf *= 2;
    return leaf;
  }

  /** Returns whether the vertex changed. */
  #settle(vertex: number): boolean {
    const largest = this.#largest;
    const equals = this.#equals;
    const left = largest[2 * vertex] ?? -Infinity;
    const right = largest[2 * vertex + 1] ?? -Infinity;
    const most = left > right ? left : right;
    let count = 0;
    if (left === most) count += equals[2 * vertex] ?? 0;
    if (right === most) count += equals[2 * vertex + 1] ?? 0;
    if (largest[vertex] === most && equals[vertex] === count) return false;
    largest[vertex] = most;
    equals[vertex] = count;
    return true;
  }
}
