/** zstd levels by what the way to the store takes, in bytes a second: a slow link leaves time to compress. */
const LEVELS: readonly { below: number; level: number }[] = [
  { below: 4e6, level: 9 },
  { below: 20e6, level: 6 },
  { below: 60e6, level: 3 },
];
const FAST_LEVEL = 1;
/** How much a new measurement counts against those before. */
const WEIGHT = 0.4;

/** Chooses how hard to compress, by the measured bandwidth of the store. */
export class LevelChooser {
  #bytesPerSecond: number | undefined;

  /** A blob of `bytes` took so long. */
  measured(bytes: number, milliseconds: number): void {
    const rate = bytes / Math.max(0.001, milliseconds / 1000);
    this.#bytesPerSecond =
      this.#bytesPerSecond === undefined ? rate : (1 - WEIGHT) * this.#bytesPerSecond + WEIGHT * rate;
  }

  /** 1 as long as nothing is known. */
  get level(): number {
    const rate = this.#bytesPerSecond ?? Number.POSITIVE_INFINITY;
    return LEVELS.find(({ below }) => rate < below)?.level ?? FAST_LEVEL;
  }
}
