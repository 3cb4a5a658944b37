import { join } from 'node:path';
import { verifyCheckpoint } from '../checkpoint/index.ts';
import type { Clock } from '../clock/index.ts';
import type { EventRecorder } from '../kubernetes/index.ts';
import {
  adviceOf,
  FermataError,
  isConditionTrue,
  keyOf,
  type Log,
  type PodCheckpoint,
  workloadOfCheckpoint,
} from '../model/index.ts';
import { type Archive, type Archives, archiveOf } from './archives.ts';
import { folderOf } from './checkpoint-folder.ts';
import { isReady, notStored, stored } from './checkpoint-status.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import type { AgentCounters } from './counters.ts';
import { BASE_CANDIDATES, UPLOAD_RETRY_MILLISECONDS } from './defaults.ts';
import type { CheckpointStorage } from './storage.ts';
import type { StorageDemand } from './storage-demand.ts';
import { UploadProgress } from './upload-progress.ts';

export interface StorerParts {
  archives: Archives;
  /** What owners demand; default: nothing. */
  demand?: Pick<StorageDemand, 'archiveFor'> | undefined;
  storage: Pick<CheckpointStorage, 'files'>;
  clock: Clock;
  log: Log;
  events: EventRecorder;
  writer: CheckpointWriter;
  counters: AgentCounters;
  /** All PodCheckpoints that are known. */
  checkpoints: () => readonly PodCheckpoint[];
}

/** Codes of what no further try changes. */
const NOT_FOR_THIS_NODE = new Set(['StoreNotAllowed', 'StoreUrlInvalid', 'StorageDemandUnmet']);

/**
 * Brings checkpoints that are `Ready` to the store, one after the other and behind everything else: nobody waits for it. An upload that
 * a dead agent left goes on where it was.
 */
export class Storer {
  readonly #parts: StorerParts;
  readonly #nodeName: string;
  readonly #directory: string;
  readonly #stopping = new AbortController();
  /** By UID: waiting or under way. */
  readonly #uploads = new Map<string, { controller: AbortController; done: Promise<void> }>();
  /** By UID: one that failed is left alone until then, by the monotonic clock. */
  readonly #notBefore = new Map<string, number>();
  #last: Promise<void> = Promise.resolve();

  constructor(parts: StorerParts, options: { nodeName: string; directory: string }) {
    this.#parts = parts;
    this.#nodeName = options.nodeName;
    this.#directory = options.directory;
  }

  /** What is under way is given up; the next start goes on with it. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`the agent of node ${this.#nodeName} stops`));
    await this.#last;
  }

  /** Has the checkpoint uploaded, unless it is stored, under way, another node's, or failed a moment ago. */
  consider(checkpoint: PodCheckpoint): void {
    const { uid } = checkpoint.metadata;
    if (!isReady(checkpoint) || checkpoint.status?.nodeName !== this.#nodeName || this.#stopping.signal.aborted) return;
    if (isConditionTrue(checkpoint.status.conditions, 'Stored') || this.#uploads.has(uid)) return;
    if (this.#parts.clock.monotonic() < (this.#notBefore.get(uid) ?? Number.NEGATIVE_INFINITY)) return;
    const controller = new AbortController();
    const signal = AbortSignal.any([this.#stopping.signal, controller.signal]);
    this.#last = this.#last.then(() => this.#store(checkpoint, signal));
    this.#uploads.set(uid, { controller, done: this.#last });
  }

  /**
   * The checkpoint is to go: nothing of it is in the store afterwards, unless that is one that this node may not use (any more); then an
   * event says so. Throws what the store throws.
   */
  async remove(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<void> {
    const upload = this.#uploads.get(checkpoint.metadata.uid);
    upload?.controller.abort(new Error('its PodCheckpoint is being deleted'));
    await upload?.done;
    const stored = checkpoint.status?.checkpointLocation?.store;
    let archive: Archive | undefined;
    try {
      archive = await (stored === undefined
        ? this.#archiveFor(checkpoint, signal)
        : this.#parts.archives.open(stored.url, []));
    } catch (error) {
      if (!(error instanceof FermataError) || !NOT_FOR_THIS_NODE.has(error.code)) throw error;
      const what = `What was stored of it stays: ${adviceOf(error)}`;
      if (stored !== undefined) this.#parts.events.record(checkpoint, 'Warning', 'ArchiveLeft', what);
    }
    await archive?.remove(archiveOf(checkpoint), signal);
  }

  /** Where it is to be, as its owner has it now, wherever it was before; undefined: nowhere. */
  async #archiveFor(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<Archive | undefined> {
    const { archives, demand } = this.#parts;
    if (demand !== undefined) return demand.archiveFor(checkpoint, signal);
    return archives.defaultUrl === undefined ? undefined : archives.open(archives.defaultUrl, []);
  }

  /** Never rejects. */
  async #store(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<void> {
    const { uid } = checkpoint.metadata;
    try {
      if (!signal.aborted) await this.#upload(checkpoint, signal);
      this.#notBefore.delete(uid);
    } catch (error) {
      if (signal.aborted) return;
      this.#notBefore.set(uid, this.#parts.clock.monotonic() + UPLOAD_RETRY_MILLISECONDS);
      await this.#tellFailure(checkpoint, adviceOf(error), signal);
    } finally {
      this.#uploads.delete(uid);
    }
  }

  async #upload(seen: PodCheckpoint, signal: AbortSignal): Promise<void> {
    const { clock, writer, events, counters, log } = this.#parts;
    const checkpoint = await writer.current(seen, signal);
    if (checkpoint === undefined || checkpoint.metadata.deletionTimestamp !== undefined) return;
    if (isConditionTrue(checkpoint.status?.conditions, 'Stored')) return;
    const archive = await this.#archiveFor(checkpoint, signal);
    if (archive === undefined) return;
    const begin = clock.monotonic();
    const directory = join(this.#directory, folderOf(checkpoint));
    const bases = this.#basesOf(checkpoint, archive.url);
    const progress = new UploadProgress(this.#parts, checkpoint, signal);
    const sent = archive.upload({
      ...archiveOf(checkpoint),
      directory,
      createdAt: checkpoint.status?.completionTime ?? checkpoint.metadata.creationTimestamp,
      metadata: { checkpoint: keyOf(checkpoint), pod: checkpoint.spec.sourcePod.name },
      basedOn: [...bases.keys()],
      directoryOf: (base) => bases.get(base),
      signal,
      onProgress: (far) => progress.say(far),
      onSkipped: (base, reason) =>
        log.info({ checkpoint: keyOf(checkpoint), base, reason }, 'archive not based on another'),
    });
    // What is still being written of it must not come after what became of it.
    const result = await sent.finally(() => progress.settle());
    await this.#verifySource(checkpoint, directory, archive, signal);
    const milliseconds = Math.round(clock.monotonic() - begin);
    const facts = { url: archive.url, ...result };
    const written = await writer.status(checkpoint, (current) => stored(current, facts, clock.now()), signal);
    if (written === undefined) return;
    counters.stored++;
    counters.bytesStored += result.sentBytes;
    const what = `${result.sentBytes} of ${result.sizeBytes} bytes sent to ${archive.url} in ${milliseconds} ms`;
    events.record(written, 'Normal', 'Stored', `The checkpoint has a verified copy off its node: ${what}`);
    log.info({ checkpoint: keyOf(written), ...facts, milliseconds }, 'checkpoint stored');
  }

  /**
   * What lies on a disk for hours can rot before it is read: what is still as it was sealed after the upload was so while it was read. Else
   * the archive goes again.
   */
  async #verifySource(
    checkpoint: PodCheckpoint,
    directory: string,
    archive: Archive,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await verifyCheckpoint(directory, checkpoint.status?.manifestDigest, {
        files: this.#parts.storage.files,
        signal,
      });
    } catch (error) {
      await archive.remove(archiveOf(checkpoint), signal);
      throw error;
    }
  }

  async #tellFailure(checkpoint: PodCheckpoint, reason: string, signal: AbortSignal): Promise<void> {
    const { clock, writer, events, log } = this.#parts;
    log.warn({ checkpoint: keyOf(checkpoint), reason }, 'a checkpoint could not be stored');
    events.record(checkpoint, 'Warning', 'StoreFailed', `It is on its node only, and is tried again: ${reason}`);
    try {
      await writer.status(checkpoint, (current) => notStored(current, reason, clock.now()), signal);
    } catch (error) {
      if (!signal.aborted) log.warn({ checkpoint: keyOf(checkpoint), reason: adviceOf(error) }, 'that was not written');
    }
  }

  /** Archives of the same workload in the same store, the newest first, and where this node would have their files. */
  #basesOf(checkpoint: PodCheckpoint, url: string): Map<string, string> {
    const workload = workloadOfCheckpoint(checkpoint);
    const { namespace, uid } = checkpoint.metadata;
    const bases = this.#parts
      .checkpoints()
      .filter(
        (other) =>
          other.metadata.namespace === namespace &&
          other.metadata.uid !== uid &&
          isConditionTrue(other.status?.conditions, 'Stored') &&
          other.status?.checkpointLocation?.store?.url === url &&
          workloadOfCheckpoint(other) === workload,
      );
    const timeOf = ({ status }: PodCheckpoint): string => status?.completionTime ?? '';
    bases.sort((one, other) => timeOf(other).localeCompare(timeOf(one)));
    const likeliest = bases.slice(0, BASE_CANDIDATES);
    return new Map(likeliest.map((base) => [archiveOf(base).archive, join(this.#directory, folderOf(base))]));
  }
}
