/** zstd levels by what the way to the store takes, in bytes a second: a slow link leaves time to compress. */
const LEVELS: readonly { below: number; level: number }[] = [
  { below: 4e6, level: 9 },
  { below: 20e6, level: 6 },
  { below: 60e6, level: 3 },
  { below: 200e6, level: 1 },
];
/** As long as nothing is known of the link. */
const FIRST_LEVEL = 1;
/**
 * Twice as fast as 1 on the memory of processes, with a fifth more bytes; still lower ones save little time. Not -1: Node takes that for
 * "not given", which is zstd's default of 3.
 */
const LIGHTEST_LEVEL = -2;
/** How much a new measurement counts against those before. */
const WEIGHT = 0.4;

/** Chooses how hard to compress, by the measured bandwidth of the store, and as little as can be while the store keeps pace. */
export class LevelChooser {
  #bytesPerSecond: number | undefined;
  #isWaitedFor = false;

  /** A blob of `bytes` took so long. */
  measured(bytes: number, milliseconds: number): void {
    const rate = bytes / Math.max(0.001, milliseconds / 1000);
    this.#bytesPerSecond =
      this.#bytesPerSecond === undefined ? rate : (1 - WEIGHT) * this.#bytesPerSecond + WEIGHT * rate;
  }

  /**
   * Whether the latest blob had to wait for those before it. If not, it is the processors that take the time, and a slow blob is
   * slow because of them.
   */
  set isWaitedFor(isWaitedFor: boolean) {
    this.#isWaitedFor = isWaitedFor;
  }

  get level(): number {
    const rate = this.#bytesPerSecond;
    if (rate === undefined) return FIRST_LEVEL;
    if (!this.#isWaitedFor) return LIGHTEST_LEVEL;
    return LEVELS.find(({ below }) => rate < below)?.level ?? LIGHTEST_LEVEL;
  }
}
