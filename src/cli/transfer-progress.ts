import { type ArchiveProgress, ProgressMeter } from '../checkpoint/index.ts';
import { SystemClock } from '../clock/index.ts';
import { bytes } from './bytes.ts';
import { Progress, type ProgressStream } from './progress.ts';

/**
 * Says on a terminal's standard error how much of a checkpoint was moved and how long the rest takes, once that lasts longer than a
 * second; nothing elsewhere. Call `stop()` in a `finally`.
 */
export class TransferProgress {
  readonly #what: string;
  readonly #progress: Progress | undefined;

  /** @param what e.g. `storing` */
  constructor(what: string, stream: ProgressStream = process.stderr, options: { silentMilliseconds?: number } = {}) {
    this.#what = what;
    this.#progress = stream.isTTY === true ? new Progress(stream, options) : undefined;
    this.#progress?.step(what);
  }

  /** For whatever tells of itself. */
  readonly show = ({ doneBytes, totalBytes, secondsLeft }: ArchiveProgress): void => {
    const left = secondsLeft === undefined ? '' : `, ${Math.ceil(secondsLeft)} s left`;
    this.#progress?.update(`${this.#what} ${bytes(doneBytes)} of ${bytes(totalBytes)}${left}`);
  };

  meter(totalBytes: number): ProgressMeter {
    return new ProgressMeter(new SystemClock(), totalBytes, this.show);
  }

  stop(): void {
    this.#progress?.stop();
  }
}
