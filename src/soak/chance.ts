import { type Random, seededRandom } from '../clock/index.ts';

/**
 * Chance of one purpose. Each purpose forks its own by name, so that leaving one workload or one component out of a run
 * changes no number of any other.
 */
export class Chance {
  readonly #seed: number;
  readonly random: Random;

  constructor(seed: number) {
    this.#seed = mixed(seed >>> 0, Math.floor(seed / 4_294_967_296));
    this.random = seededRandom(this.#seed);
  }

  fork(name: string): Chance {
    let hash = this.#seed ^ 0x811c9dc5;
    for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), 0x01000193);
    return new Chance(mixed(hash >>> 0, name.length));
  }

  happens(probability: number): boolean {
    return probability > 0 && this.random() < probability;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.random();
  }

  /** Whole, both ends included. */
  integer(low: number, high: number): number {
    return low + Math.floor((high - low + 1) * this.random());
  }

  /** Waiting time of a memoryless process, at most ten times the mean. */
  exponential(mean: number): number {
    return Math.min(10 * mean, -mean * Math.log(1 - this.random()));
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[Math.floor(this.random() * choices.length)] ?? choices[0];
  }

  /** One of the names, each as likely as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    return (entries.at(-1) as [K, number])[0];
  }
}

/** Two words into one, every bit of both spread over it (finalizer of MurmurHash3, A. Appleby, public domain). */
function mixed(one: number, other: number): number {
  let word = (one ^ Math.imul(other, 0x9e3779b1)) >>> 0;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
