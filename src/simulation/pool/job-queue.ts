/** Waiting jobs in order of submission: taken from anywhere, walked from the front. */
export class JobQueue {
  #items: Int32Array = new Int32Array(256);
  #from = 0;
  #to = 0;

  get size(): number {
    return this.#to - this.#from;
  }

  /** -1 when empty. */
  get head(): number {
    return this.size === 0 ? -1 : (this.#items[this.#from] ?? -1);
  }

  at(place: number): number {
    return this.#items[this.#from + place] ?? -1;
  }

  push(job: number): void {
    if (this.#to === this.#items.length) this.#makeRoom();
    this.#items[this.#to++] = job;
  }

  shift(): void {
    if (this.size > 0) this.#from++;
  }

  /** Keeps those for which `stays` is true, from `place` on. `stays` returns `undefined` to keep all that follow. */
  sift(place: number, stays: (job: number) => boolean | undefined): void {
    let to = this.#from + place;
    let from = to;
    for (; from < this.#to; from++) {
      const job = this.#items[from] ?? -1;
      const verdict = stays(job);
      if (verdict === undefined) break;
      if (verdict) this.#items[to++] = job;
    }
    if (to !== from) this.#items.copyWithin(to, from, this.#to);
    this.#to -= from - to;
  }

  #makeRoom(): void {
    const items = this.size * 2 > this.#items.length ? new Int32Array(this.#items.length * 2) : this.#items;
    const { size } = this;
    items.set(this.#items.subarray(this.#from, this.#to));
    this.#items = items;
    this.#from = 0;
    this.#to = size;
  }
}
