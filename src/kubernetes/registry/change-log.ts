/**
 * A list that grows at its end and is forgotten at its start; positions stay valid while that happens, so a reader keeps
 * nothing but a number.
 */
export class ChangeLog<T> {
  #entries: T[] = [];
  /** Entries at the start of `#entries` that are forgotten already. */
  #head = 0;
  /** Position of `#entries[0]`. */
  #base = 0;

  /** Position of the oldest entry kept. */
  get start(): number {
    return this.#base + this.#head;
  }

  /** Position the next entry will have. */
  get end(): number {
    return this.#base + this.#entries.length;
  }

  append(entry: T): void {
    this.#entries.push(entry);
  }

  at(position: number): T | undefined {
    return position < this.start ? undefined : this.#entries[position - this.#base];
  }

  forgetOldest(): void {
    if (this.#head === this.#entries.length) return;
    this.#head++;
    // Moving the rest down only once half is gone keeps forgetting at constant cost.
    if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#base += this.#head;
      this.#head = 0;
    }
  }

  /** Position of the first entry for which `isAfter` holds; entries must be ordered by it. */
  search(isAfter: (entry: T) => boolean): number {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isAfter(this.#entries[middle] as T)) high = middle;
      else low = middle + 1;
    }
    return this.#base + low;
  }
}
