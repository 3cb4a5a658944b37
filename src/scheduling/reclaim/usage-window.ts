/** What processes were seen to consume. */
export interface Usage {
  /** Millicores. */
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
}

interface Bucket {
  readonly index: number;
  cpu: number;
  memory: number;
}

/** Parts a window is kept in: its end moves by a tenth of its length. */
const BUCKETS = 10;

/**
 * The peak of what one pod consumed over the last `windowMs`. Kept as the peaks of ten parts, so that it takes the same room
 * however often is measured; a peak counts for the window's length, at most a tenth longer.
 */
export class UsageWindow {
  readonly #bucketMs: number;
  readonly #buckets: Bucket[] = [];
  #firstAt: number | undefined;
  #lastAt = 0;

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS;
  }

  observe({ cpu, memory }: Usage, now: number): void {
    this.#firstAt ??= now;
    this.#lastAt = Math.max(this.#lastAt, now);
    this.#expire(now);
    const index = Math.floor(now / this.#bucketMs);
    const newest = this.#buckets.at(-1);
    if (newest !== undefined && newest.index >= index) {
      newest.cpu = Math.max(newest.cpu, cpu);
      newest.memory = Math.max(newest.memory, memory);
    } else {
      this.#buckets.push({ index, cpu, memory });
    }
  }

  /** The peak, once the pod was observed through a whole window and lately; undefined: too little is known. */
  peak(now: number): Usage | undefined {
    const windowMs = this.#bucketMs * BUCKETS;
    if (this.#firstAt === undefined || now - this.#firstAt < windowMs || now - this.#lastAt > windowMs)
      return undefined;
    return this.known(now);
  }

  /** The peak of what was observed, however little. */
  known(now: number): Usage {
    this.#expire(now);
    let cpu = 0;
    let memory = 0;
    for (const bucket of this.#buckets) {
      cpu = Math.max(cpu, bucket.cpu);
      memory = Math.max(memory, bucket.memory);
    }
    return { cpu, memory };
  }

  /** When the peak is next worth looking at again though nothing was observed: a part of it expires. */
  nextChange(): number | undefined {
    const oldest = this.#buckets[0];
    return oldest === undefined ? undefined : (oldest.index + 1 + BUCKETS) * this.#bucketMs;
  }

  #expire(now: number): void {
    const oldestKept = Math.floor(now / this.#bucketMs) - BUCKETS;
    while (this.#buckets.length > 0 && (this.#buckets[0]?.index ?? 0) < oldestKept) this.#buckets.shift();
  }
}
