import { createHash, hash, randomBytes } from 'node:crypto';
import type { Clock } from '../../clock/index.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { Codec } from './codec.ts';
import { PUTS_AT_ONCE } from './constants.ts';
import type { ArchiveRecord, Segment } from './contents.ts';
import { archiveCorrupt } from './errors.ts';
import { free } from './free.ts';
import type { KnownChunks } from './known-chunks.ts';
import { LevelChooser } from './level.ts';
import { type ArchiveName, segmentKey } from './names.ts';
import { segmentDataKey } from './sealed-manifest.ts';
import { placeInSegment, segmentTrailer } from './segment-blob.ts';
import type { Slot } from './slot.ts';

/** What a slot holds: chunks that go into one record. */
export interface FullSlot {
  slot: Slot;
  rawBytes: number;
  lengths: Uint32Array;
  ids: Uint8Array;
}

interface Sealed {
  stored: Uint8Array;
  compression: ArchiveRecord['compression'];
}

interface OpenSegment {
  segment: Segment;
  number: number;
  rows: { chunks: Omit<FullSlot, 'slot'>; sealed: Promise<Sealed> }[];
}

export interface SegmentWriterOptions {
  /** Undefined: not encrypted. */
  dataKey: Uint8Array | undefined;
  compress: boolean;
  segmentRecords: number;
  signal: AbortSignal;
}

/** Compresses and encrypts records, sends them to the store in segments, and reads each back from there. */
export class SegmentWriter {
  readonly #parts: { store: BlobStore; clock: Pick<Clock, 'monotonic'>; codec: Codec; known: KnownChunks };
  readonly #name: ArchiveName;
  readonly #options: SegmentWriterOptions;
  readonly #level = new LevelChooser();
  readonly #puts = new Set<Promise<void>>();
  #open: OpenSegment | undefined;
  #failures: unknown[] = [];
  #sentBytes = 0;

  constructor(
    parts: { store: BlobStore; clock: Pick<Clock, 'monotonic'>; codec: Codec; known: KnownChunks },
    name: ArchiveName,
    options: SegmentWriterOptions,
  ) {
    this.#parts = parts;
    this.#name = name;
    this.#options = options;
  }

  /** Bytes of the segments that the store has been sent. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /** Seals the slot as that record. Resolves as soon as there is room for the next; `release` is called when the slot is free. */
  async add(record: number, full: FullSlot, release: () => void): Promise<void> {
    const { codec, known } = this.#parts;
    const { compress } = this.#options;
    const open = this.#open ?? this.#newSegment();
    this.#open = open;
    const { segment, number, rows } = open;
    const { slot, ...chunks } = full;
    known.seat(record, number, rows.length);
    const place = placeInSegment(this.#name.tenant, segment.name, rows.length);
    const level = compress ? this.#level.level : undefined;
    const key = segment.key.length === 0 ? undefined : segment.key;
    const sealed = codec
      .run({ kind: 'seal', slot, rawBytes: full.rawBytes, level, key, place })
      .then(({ storedBytes, compression }) => ({ stored: slot.stored.slice(0, storedBytes), compression }))
      .finally(release);
    sealed.catch(() => undefined); // seen when the segment is put together
    rows.push({ chunks, sealed });
    if (rows.length === this.#options.segmentRecords) await this.#send(open);
  }

  /** Resolves when the store has everything. */
  async finish(): Promise<void> {
    if (this.#open !== undefined) await this.#send(this.#open);
    await Promise.all(this.#puts);
    this.#throwFailure();
  }

  /** Resolves when nothing is under way any more, however it ended. */
  async settle(): Promise<void> {
    await Promise.allSettled([...(this.#open?.rows.map(({ sealed }) => sealed) ?? []), ...this.#puts]);
  }

  async #send(open: OpenSegment): Promise<void> {
    this.#open = undefined;
    while (this.#puts.size >= PUTS_AT_ONCE) await Promise.race(this.#puts);
    this.#throwFailure();
    const put = this.#put(open)
      .catch((error: unknown) => {
        this.#failures.push(error);
      })
      .finally(() => this.#puts.delete(put));
    this.#puts.add(put);
  }

  async #put({ segment, rows }: OpenSegment): Promise<void> {
    const { store, clock } = this.#parts;
    const { signal } = this.#options;
    const { tenant } = this.#name;
    const pieces: Uint8Array[] = [];
    let offset = 0;
    for (const { chunks, sealed } of rows) {
      const { stored, compression } = await sealed;
      const { rawBytes, lengths, ids } = chunks;
      segment.records.push({ offset, storedBytes: stored.length, rawBytes, compression, lengths, ids });
      pieces.push(stored);
      offset += stored.length;
    }
    const key = segment.key.length === 0 ? undefined : segment.key;
    pieces.push(segmentTrailer(tenant, segment.name, segment.records, key));
    const blob = Buffer.concat(pieces);
    for (const piece of pieces.splice(0)) free(piece);
    rows.length = 0;
    signal.throwIfAborted();
    const begin = clock.monotonic();
    const blobKey = segmentKey(tenant, segment.name);
    await store.put(blobKey, blob, { signal });
    this.#level.measured(blob.length, clock.monotonic() - begin);
    this.#sentBytes += blob.length;
    segment.sizeBytes = blob.length;
    segment.digest = new Uint8Array(hash('sha256', blob, 'buffer'));
    free(blob);
    await this.#verify(segment, blobKey);
  }

  /** What the store gives back is what it was given, or there is no archive. */
  async #verify({ name, digest }: Segment, blobKey: string): Promise<void> {
    const found = createHash('sha256');
    for await (const piece of this.#parts.store.get(blobKey, { signal: this.#options.signal })) {
      found.update(piece);
      free(piece);
    }
    if (found.digest().equals(digest)) return;
    const { tenant, archive } = this.#name;
    throw archiveCorrupt(`${tenant}/${archive}`, `the store gives back something else than segment ${name}`);
  }

  #newSegment(): OpenSegment {
    const name = `${this.#name.archive}/${randomBytes(12).toString('hex')}`;
    const { dataKey } = this.#options;
    const key = dataKey === undefined ? new Uint8Array() : segmentDataKey(dataKey, name);
    const segment: Segment = { name, sizeBytes: 0, digest: new Uint8Array(), key, records: [] };
    return { segment, number: this.#parts.known.openSegment(segment), rows: [] };
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}
