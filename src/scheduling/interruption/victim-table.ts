import type { PodInfo } from '../snapshot/pod-info.ts';

/** What bounds are computed from: one victim. */
export interface VictimNumbers {
  readonly priority: number;
  /** ms since the epoch. */
  readonly startedAt: number;
  /** Node-seconds of a checkpoint; Infinity: not permitted. */
  readonly checkpointCost: number;
  readonly perFurtherDump: number;
  /** Dominant share of the node; Infinity: termination is not permitted. */
  readonly terminationShare: number;
  /** ms since the epoch. */
  readonly savedAt: number;
  readonly requests: PodInfo['requests'];
}

const COLUMNS = 6;

/**
 * The numbers of a node's possible victims side by side, lowest priority first. A plan reads those of all victims in the
 * cluster: in one array a node they come with a cache line or two, in objects with one for each pod and vector.
 */
export class VictimTable {
  readonly length: number;
  readonly #numbers: Float64Array;
  readonly #width: number;

  constructor(victims: readonly VictimNumbers[]) {
    let resources = 0;
    for (const { requests } of victims) resources = Math.max(resources, requests.length);
    this.length = victims.length;
    this.#width = COLUMNS + resources;
    this.#numbers = new Float64Array(victims.length * this.#width);
    let at = 0;
    for (const victim of victims) {
      this.#numbers[at] = victim.priority;
      this.#numbers[at + 1] = victim.startedAt;
      this.#numbers[at + 2] = victim.checkpointCost;
      this.#numbers[at + 3] = victim.perFurtherDump;
      this.#numbers[at + 4] = victim.terminationShare;
      this.#numbers[at + 5] = victim.savedAt;
      this.#numbers.set(victim.requests, at + COLUMNS);
      at += this.#width;
    }
  }

  priority(row: number): number {
    return this.#numbers[row * this.#width] ?? 0;
  }

  startedAt(row: number): number {
    return this.#numbers[row * this.#width + 1] ?? 0;
  }

  checkpointCost(row: number): number {
    return this.#numbers[row * this.#width + 2] ?? 0;
  }

  perFurtherDump(row: number): number {
    return this.#numbers[row * this.#width + 3] ?? 0;
  }

  terminationShare(row: number): number {
    return this.#numbers[row * this.#width + 4] ?? 0;
  }

  savedAt(row: number): number {
    return this.#numbers[row * this.#width + 5] ?? 0;
  }

  request(row: number, resource: number): number {
    return resource < this.#width - COLUMNS ? (this.#numbers[row * this.#width + COLUMNS + resource] ?? 0) : 0;
  }
}
