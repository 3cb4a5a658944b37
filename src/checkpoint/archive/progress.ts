import type { Clock } from '../../clock/index.ts';

/** How far something is that moves or reads a checkpoint, in bytes. */
export interface ArchiveProgress {
  doneBytes: number;
  totalBytes: number;
  /** At the rate so far; undefined before there is one. */
  secondsLeft: number | undefined;
}

/** Said no more often than this. */
const SAY_MILLISECONDS = 200;

/** Counts bytes and says now and then how far it is; the last one always. */
export class ProgressMeter {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #say: ((progress: ArchiveProgress) => void) | undefined;
  readonly #totalBytes: number;
  readonly #begin: number;
  #doneBytes = 0;
  #said = Number.NEGATIVE_INFINITY;

  constructor(
    clock: Pick<Clock, 'monotonic'>,
    totalBytes: number,
    say: ((progress: ArchiveProgress) => void) | undefined,
  ) {
    this.#clock = clock;
    this.#totalBytes = totalBytes;
    this.#say = say;
    this.#begin = clock.monotonic();
  }

  add(bytes: number): void {
    this.#doneBytes = Math.min(this.#totalBytes, this.#doneBytes + bytes);
    if (this.#say === undefined) return;
    const now = this.#clock.monotonic();
    if (now - this.#said < SAY_MILLISECONDS && this.#doneBytes < this.#totalBytes) return;
    this.#said = now;
    const seconds = (now - this.#begin) / 1000;
    const rate = seconds > 0 ? this.#doneBytes / seconds : 0;
    const secondsLeft = rate > 0 ? (this.#totalBytes - this.#doneBytes) / rate : undefined;
    this.#say({ doneBytes: this.#doneBytes, totalBytes: this.#totalBytes, secondsLeft });
  }
}

/** The same bytes; the meter hears of them once they were taken. */
export async function* metered(
  pieces: AsyncIterable<Uint8Array>,
  meter: Pick<ProgressMeter, 'add'>,
): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces) {
    // Whoever takes it may give its memory away.
    const { length } = piece;
    yield piece;
    meter.add(length);
  }
}
