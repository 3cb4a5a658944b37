import { join } from 'node:path';
import { FermataError, reasonOf } from '../../model/index.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { Codec } from './codec.ts';
import { archiveCorrupt, archiveMissing } from './errors.ts';
import type { PlannedRecord } from './fetch-plan.ts';
import { free } from './free.ts';
import { type ArchiveName, segmentKey } from './names.ts';
import { placeInSegment } from './segment-blob.ts';
import type { Slot, SlotPool } from './slot.ts';

/** Records that lie this far apart are still fetched together. */
const GAP_BYTES = 256 * 1024;

/** Fetches records of one segment after the other, and has each verified before anything of it is written. */
export class RecordFetcher {
  readonly #parts: { store: BlobStore; codec: Codec; pool: SlotPool };
  readonly #name: ArchiveName;
  readonly #directory: string;
  readonly #signal: AbortSignal;
  readonly #jobs = new Set<Promise<void>>();
  #failures: unknown[] = [];

  /** `directory`: where the files are, which all exist. */
  constructor(
    parts: { store: BlobStore; codec: Codec; pool: SlotPool },
    name: ArchiveName,
    options: { directory: string; signal: AbortSignal },
  ) {
    this.#parts = parts;
    this.#name = name;
    this.#directory = options.directory;
    this.#signal = options.signal;
  }

  /** All of one segment, in the order they lie there. `done` is told the bytes of files that were written. */
  async fetch(records: readonly PlannedRecord[], done: (bytes: number) => void): Promise<void> {
    for (let first = 0; first < records.length; ) {
      let last = first;
      for (let next = records[last + 1]; next !== undefined && gap(records[last], next) <= GAP_BYTES; ) {
        last += 1;
        next = records[last + 1];
      }
      await this.#fetchRange(records.slice(first, last + 1), done);
      first = last + 1;
    }
  }

  /** Resolves when everything is written. */
  async finish(): Promise<void> {
    await Promise.all(this.#jobs);
    this.#throwFailure();
  }

  /** Resolves when nothing is under way any more, however it ended. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#jobs);
  }

  async #fetchRange(records: readonly PlannedRecord[], done: (bytes: number) => void): Promise<void> {
    const begin = records[0]?.record.offset ?? 0;
    const end = endOf(records.at(-1));
    const { store, pool } = this.#parts;
    const segment = records[0]?.segment.name ?? '';
    const key = segmentKey(this.#name.tenant, segment);
    let position = begin;
    let next = 0;
    let slot: Slot | undefined;
    try {
      for await (const piece of store.get(key, { start: begin, end, signal: this.#signal })) {
        if (position + piece.length > end)
          throw this.#corrupt(`the store gave more than was asked for of segment ${segment}`);
        for (let at = 0; at < piece.length; ) {
          const planned = records[next];
          if (planned === undefined) break;
          const { offset, storedBytes } = planned.record;
          const skip = Math.min(Math.max(0, offset - position), piece.length - at);
          at += skip;
          position += skip;
          if (at === piece.length) break;
          slot ??= await pool.take();
          const taken = Math.min(offset + storedBytes - position, piece.length - at);
          slot.stored.set(piece.subarray(at, at + taken), position - offset);
          at += taken;
          position += taken;
          if (position < offset + storedBytes) continue;
          this.#throwFailure();
          this.#open(planned, slot, done);
          slot = undefined;
          next += 1;
        }
        free(piece);
      }
    } catch (error) {
      if (error instanceof FermataError && error.code === 'BlobNotFound') {
        throw archiveMissing(this.#named(), `segment ${segment} is not in the store`, error);
      }
      throw error;
    } finally {
      if (slot !== undefined) pool.give(slot);
    }
    if (next < records.length)
      throw this.#corrupt(`segment ${segment} is cut: the store gave ${position - begin} bytes of ${end - begin}`);
  }

  #open(planned: PlannedRecord, slot: Slot, done: (bytes: number) => void): void {
    const { segment, index, record, offsets, writes } = planned;
    const { storedBytes, rawBytes, compression } = record;
    slot.ids.set(record.ids);
    const job = this.#parts.codec
      .run({
        kind: 'open',
        slot,
        storedBytes,
        rawBytes,
        compression,
        key: segment.key.length === 0 ? undefined : segment.key,
        place: placeInSegment(this.#name.tenant, segment.name, index),
        offsets,
        writes: writes.map(({ file, parts }) => ({ path: join(this.#directory, file.path), parts })),
      })
      .then(() => done(bytesOf(writes)))
      .catch((error: unknown) => {
        const refused = error instanceof RangeError;
        this.#failures.push(
          refused ? this.#corrupt(`record ${index} of segment ${segment.name}: ${reasonOf(error)}`, error) : error,
        );
      })
      .finally(() => {
        this.#jobs.delete(job);
        this.#parts.pool.give(slot);
      });
    this.#jobs.add(job);
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }

  #corrupt(what: string, cause?: unknown): FermataError {
    return archiveCorrupt(this.#named(), what, cause);
  }

  #named(): string {
    return `${this.#name.tenant}/${this.#name.archive}`;
  }
}

function gap(one: PlannedRecord | undefined, next: PlannedRecord): number {
  return next.record.offset - endOf(one);
}

function endOf(planned: PlannedRecord | undefined): number {
  return planned === undefined ? 0 : planned.record.offset + planned.record.storedBytes;
}

function bytesOf(writes: PlannedRecord['writes']): number {
  let bytes = 0;
  for (const { parts } of writes) for (let at = 1; at < parts.length; at += 3) bytes += parts[at] ?? 0;
  return bytes;
}
