import { type DigestsAhead, type Manifest, sealCheckpoint } from '../checkpoint/index.ts';
import { rfc3339 } from '../clock/index.ts';
import { adviceOf, FermataError, keyOf, type PodCheckpoint } from '../model/index.ts';
import { completed } from './checkpoint-status.ts';
import { namesOf } from './dump-entry.ts';
import type { DumpSteps } from './dump-steps.ts';
import type { DumperOptions, DumperParts } from './dumper-parts.ts';
import { IMAGE_FAILURES, statisticsOf, verifyImages } from './images.ts';
import type { JournalEntry } from './journal.ts';

/**
 * What is left to do. `nothing`: it is `Ready`. `no checkpoint`: the images are none, the dump is to be undone. `unsealed`: the pod
 * runs on, and the dump is given up. `no object`: the PodCheckpoint is gone.
 */
export type SealOutcome =
  | { left: 'nothing' }
  | { left: 'no checkpoint'; why: string }
  | { left: 'unsealed'; why: string }
  | { left: 'no object' };

type SealerParts = Pick<DumperParts, 'storage' | 'clock' | 'events' | 'writer' | 'counters' | 'log'>;

/** Makes a checkpoint of a complete dump: manifest, then `Ready`. */
export class Sealer {
  readonly #parts: SealerParts;
  readonly #options: Pick<DumperOptions, 'nodeName' | 'volumeFolder' | 'restoreImage'>;
  readonly #steps: DumpSteps;

  constructor(
    parts: SealerParts,
    options: Pick<DumperOptions, 'nodeName' | 'volumeFolder' | 'restoreImage'>,
    steps: DumpSteps,
  ) {
    this.#parts = parts;
    this.#options = options;
    this.#steps = steps;
  }

  /**
   * Brings a complete dump to `Ready`. Rejects when it cannot be sealed now and nothing but the images is left of the pod.
   * @param sealing the manifest of images that were verified, on its way already
   */
  async seal(
    checkpoint: PodCheckpoint,
    entry: JournalEntry,
    signal: AbortSignal,
    sealing?: Promise<Manifest>,
  ): Promise<SealOutcome> {
    const { storage, clock, events } = this.#parts;
    let manifest: Manifest;
    try {
      if (sealing === undefined && entry.heldBy === undefined)
        await verifyImages(this.#steps.path(entry), namesOf(entry), storage.files);
      manifest = await (sealing ?? this.writeManifest(entry, signal));
    } catch (error) {
      if (signal.aborted) throw error;
      const invalid = error instanceof FermataError && IMAGE_FAILURES.has(error.code);
      if (invalid) return { left: 'no checkpoint', why: error.message };
      if (entry.leaveRunning && entry.committed !== true) return { left: 'unsealed', why: adviceOf(error) };
      // The images are all there is of the pod: they are sealed as soon as that can be done.
      events.record(
        checkpoint,
        'Warning',
        'SealFailed',
        `The dump is complete but cannot be sealed yet: ${adviceOf(error)}`,
      );
      throw error;
    }
    const sealedAt = clock.now();
    return this.report(
      checkpoint,
      this.#steps.advance(entry, { step: 'sealed', sealedAt, manifestDigest: manifest.digest }),
      signal,
    );
  }

  /** `known`: digests that were taken ahead, and when the last process of the pod is gone. */
  async writeManifest(
    entry: JournalEntry,
    signal: AbortSignal,
    known: { ahead?: DigestsAhead | undefined; ended?: Promise<void> | undefined } = {},
  ): Promise<Manifest> {
    const { files } = this.#parts.storage;
    const { volumeFolder } = this.#options;
    const path = this.#steps.path(entry);
    if (volumeFolder !== undefined && entry.emptyDirs.length > 0) {
      await known.ended;
      for (const volume of entry.emptyDirs) {
        const folder = volumeFolder(entry.podUid, volume);
        await this.#parts.storage.packVolume(folder, path, volume, signal);
      }
    }
    return sealCheckpoint(
      path,
      {
        createdAt: rfc3339(entry.dumpedAt ?? entry.orderedAt),
        containers: (entry.containers ?? []).map(statisticsOf),
        metadata: {
          checkpoint: `${entry.namespace}/${entry.name}`,
          checkpointUid: entry.checkpointUid,
          podUid: entry.podUid,
        },
      },
      { files, signal, ...(known.ahead && { ahead: known.ahead }) },
    );
  }

  /** Says that it is `Ready`, once it is sealed. */
  async report(checkpoint: PodCheckpoint, entry: JournalEntry, signal: AbortSignal): Promise<SealOutcome> {
    const { writer, counters, log } = this.#parts;
    const { nodeName, restoreImage } = this.#options;
    const done = await writer.status(
      checkpoint,
      (current) => completed(current, entry, nodeName, restoreImage),
      signal,
    );
    if (done === undefined) return { left: 'no object' };
    const { dumpMilliseconds = 0 } = done.status ?? {};
    const bytes = (entry.containers ?? []).reduce((sum, container) => sum + (container.sizeBytes ?? 0), 0);
    counters.dumpsCompleted++;
    counters.bytesDumped += bytes;
    counters.dumpMilliseconds += dumpMilliseconds;
    this.#steps.settle(entry);
    const what = `${bytes} bytes in ${dumpMilliseconds} ms`;
    this.#steps.tell(done, undefined, 'Normal', 'Checkpointed', `Checkpoint ${entry.name} is complete: ${what}`);
    const runtimeMilliseconds = (entry.dumpedAt ?? entry.orderedAt) - entry.orderedAt;
    const sealMilliseconds = (entry.sealedAt ?? entry.orderedAt) - (entry.dumpedAt ?? entry.orderedAt);
    log.info(
      { checkpoint: keyOf(done), bytes, dumpMilliseconds, runtimeMilliseconds, sealMilliseconds },
      'checkpoint complete',
    );
    return { left: 'nothing' };
  }
}
