import {
  BANDWIDTH_SAMPLE_MIN_BYTES,
  CLUSTER_CORRECTION,
  CLUSTER_SAMPLES,
  NODE_SAMPLES,
  SINGLE_SAMPLE_TRUST,
} from '../constants.ts';
import { type DumpCurve, type DumpSize, transferSeconds } from './dump-curve.ts';
import { RecentSamples } from './robust-median.ts';

/**
 * How much slower or faster than a curve each node is, from what was measured there; nodes that were not measured are
 * expected to be like the others of the cluster.
 */
export class TransferRates {
  readonly #curve: DumpCurve;
  readonly #cluster = new RecentSamples(CLUSTER_SAMPLES);
  readonly #nodes = new Map<string, RecentSamples>();
  #expected = 1;

  constructor(curve: DumpCurve) {
    this.#curve = curve;
  }

  /**
   * Takes note of what moving `size` bytes took beyond the fixed part. Returns whether the expectation of all nodes changed
   * with it.
   */
  learn(nodeName: string, sizeBytes: number, seconds: number): boolean {
    if (sizeBytes < BANDWIDTH_SAMPLE_MIN_BYTES || seconds <= 0) return false;
    const measured = seconds / transferSeconds(this.#curve, { memoryBytes: sizeBytes, gpuMemoryBytes: 0 });
    const ratio = Math.min(
      Math.max(measured, this.#expected / SINGLE_SAMPLE_TRUST),
      this.#expected * SINGLE_SAMPLE_TRUST,
    );
    const samples = this.#nodes.get(nodeName) ?? new RecentSamples(NODE_SAMPLES);
    this.#nodes.set(nodeName, samples);
    samples.add(ratio);
    this.#cluster.add(ratio);
    const now = this.#cluster.medianWith(1);
    if (Math.abs(now / this.#expected - 1) <= CLUSTER_CORRECTION) return false;
    this.#expected = now;
    return true;
  }

  /** Seconds against the curve's: 2 is half as fast. */
  factorOf(nodeName: string): number {
    const samples = this.#nodes.size === 0 ? undefined : this.#nodes.get(nodeName); // speed
    return samples === undefined ? this.#expected : samples.medianWith(this.#expected);
  }

  secondsOn(nodeName: string, size: DumpSize): number {
    return transferSeconds(this.#curve, size) * this.factorOf(nodeName);
  }

  forgetNode(nodeName: string): void {
    this.#nodes.delete(nodeName);
  }
}
