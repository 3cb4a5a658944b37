import type { ArchiveProgress } from '../checkpoint/index.ts';
import type { Clock } from '../clock/index.ts';
import { adviceOf, isConditionTrue, keyOf, type Log, type PodCheckpoint } from '../model/index.ts';
import { uploading } from './checkpoint-status.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import { PROGRESS_MILLISECONDS } from './defaults.ts';

const MEBIBYTE = 2 ** 20;

/** Tells in a checkpoint's status how far its upload is: now and then, one write at a time, of short ones nothing. */
export class UploadProgress {
  readonly #parts: { writer: CheckpointWriter; clock: Clock; log: Log };
  readonly #checkpoint: PodCheckpoint;
  readonly #signal: AbortSignal;
  #told: number;
  #telling: Promise<void> | undefined;

  constructor(
    parts: { writer: CheckpointWriter; clock: Clock; log: Log },
    checkpoint: PodCheckpoint,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#checkpoint = checkpoint;
    this.#signal = signal;
    this.#told = parts.clock.monotonic();
  }

  say(progress: ArchiveProgress): void {
    const now = this.#parts.clock.monotonic();
    if (this.#telling !== undefined || now - this.#told < PROGRESS_MILLISECONDS) return;
    this.#told = now;
    this.#telling = this.#tell(progress).finally(() => {
      this.#telling = undefined;
    });
  }

  /** Resolves when nothing is being written any more. */
  async settle(): Promise<void> {
    await this.#telling;
  }

  /** Never rejects: the upload does not depend on it. */
  async #tell({ doneBytes, totalBytes, secondsLeft }: ArchiveProgress): Promise<void> {
    const { writer, clock, log } = this.#parts;
    const left = secondsLeft === undefined ? '' : `, about ${Math.ceil(secondsLeft)} s left`;
    const message = `${Math.floor(doneBytes / MEBIBYTE)} of ${Math.ceil(totalBytes / MEBIBYTE)} MiB${left}`;
    try {
      await writer.status(
        this.#checkpoint,
        (current) =>
          isConditionTrue(current.status?.conditions, 'Stored')
            ? (current.status ?? {})
            : uploading(current, message, clock.now()),
        this.#signal,
      );
    } catch (error) {
      if (this.#signal.aborted) return;
      log.warn({ checkpoint: keyOf(this.#checkpoint), reason: adviceOf(error) }, 'progress was not written');
    }
  }
}
