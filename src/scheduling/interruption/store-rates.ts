import { BANDWIDTH_SAMPLE_MIN_BYTES, NODE_SAMPLES, STORE_BYTES_PER_SECOND } from '../constants.ts';
import { RecentSamples } from './robust-median.ts';

/** What each checkpoint store takes and gives, from how long checkpoints took to get there. */
export class StoreRates {
  readonly #byStore = new Map<string, RecentSamples>();

  /** @param url where an archive of `sizeBytes` was `seconds` after its dump was complete */
  learn(url: string, sizeBytes: number, seconds: number): void {
    // Times in the API are whole seconds: what took one may have taken none.
    if (sizeBytes < BANDWIDTH_SAMPLE_MIN_BYTES || seconds < 2) return;
    const store = storeOf(url);
    const samples = this.#byStore.get(store) ?? new RecentSamples(NODE_SAMPLES);
    this.#byStore.set(store, samples);
    samples.add(sizeBytes / seconds);
  }

  /** Bytes a second, shared by all that read from the store at once. */
  bytesPerSecondOf(url: string | undefined): number {
    const samples = url === undefined ? undefined : this.#byStore.get(storeOf(url));
    return samples === undefined ? STORE_BYTES_PER_SECOND : samples.medianWith(STORE_BYTES_PER_SECOND);
  }
}

/** Scheme and authority: a bucket, a registry, a file server; local folders are one store. */
export function storeOf(url: string): string {
  return /^[a-z0-9+.-]+:\/\/[^/]*/i.exec(url)?.[0] ?? '';
}
