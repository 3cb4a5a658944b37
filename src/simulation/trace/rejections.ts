import type { RejectedLine, RejectionReport } from './trace-job.ts';

/** How many rejected lines are kept to be shown: a gibibyte of garbage must not fill the memory with complaints. */
const KEPT = 1_000;

/** Collects what a reader could not use, line by line. */
export class Rejections {
  readonly #byKind = new Map<string, number>();
  readonly #first: RejectedLine[] = [];
  readonly #onRejected: ((rejected: RejectedLine) => void) | undefined;
  #count = 0;

  /** @param onRejected hears of every one, also of those beyond what is kept */
  constructor(onRejected?: (rejected: RejectedLine) => void) {
    this.#onRejected = onRejected;
  }

  /** @param kind few and constant, to be counted by; @param detail what this line had */
  reject(line: number, kind: string, detail?: string): void {
    const rejected = { line, reason: detail === undefined ? kind : `${kind}: ${detail}` };
    this.#count++;
    this.#byKind.set(kind, (this.#byKind.get(kind) ?? 0) + 1);
    if (this.#first.length < KEPT) this.#first.push(rejected);
    this.#onRejected?.(rejected);
  }

  report(): RejectionReport {
    return { count: this.#count, byKind: Object.fromEntries(this.#byKind), first: this.#first };
  }
}
