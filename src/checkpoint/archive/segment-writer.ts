import { createHash, type Hash, randomBytes } from 'node:crypto';
import type { Clock } from '../../clock/index.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { Codec } from './codec.ts';
import type { CodecAnswer, SparseChunks } from './codec-job.ts';
import { PUTS_AT_ONCE } from './constants.ts';
import type { Segment } from './contents.ts';
import { archiveCorrupt } from './errors.ts';
import { free } from './free.ts';
import type { KnownChunks } from './known-chunks.ts';
import { LevelChooser } from './level.ts';
import { type ArchiveName, segmentKey } from './names.ts';
import { segmentDataKey } from './sealed-manifest.ts';
import { placeInSegment, segmentTrailer } from './segment-blob.ts';
import { type Slot, STORED_MAX_BYTES } from './slot.ts';

/** What a slot holds: chunks that go into one record. */
export interface FullSlot {
  slot: Slot;
  rawBytes: number;
  sparse: SparseChunks | undefined;
  lengths: Uint32Array;
  ids: Uint8Array;
}

interface OpenSegment {
  segment: Segment;
  number: number;
  /** The blob as far as it is filled. */
  blob: Buffer;
  filled: number;
  digest: Hash;
  /** Records that were added; those that are sealed and copied are in the segment. */
  added: number;
  /** Resolves when all that were added are copied. */
  copied: Promise<void>;
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
  /** Memory of segments that are done with: to allocate it anew for each leaves more of it lying about than is in use. */
  readonly #blobs: Buffer[] = [];
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
    const { segment, number } = open;
    const { slot, rawBytes, sparse } = full;
    known.seat(record, number, open.added);
    const place = placeInSegment(this.#name.tenant, segment.name, open.added);
    const level = compress ? this.#level.level : undefined;
    const sealed = codec.run({ kind: 'seal', slot, rawBytes, sparse, level, key: keyOf(segment), place });
    open.added += 1;
    open.copied = copyNext(open, full, sealed).finally(release);
    open.copied.catch(() => undefined); // seen when the segment is sent
    if (open.added === this.#options.segmentRecords) await this.#send(open);
  }

  /** Resolves when the store has everything. */
  async finish(): Promise<void> {
    if (this.#open !== undefined) await this.#send(this.#open);
    await Promise.all(this.#puts);
    this.#throwFailure();
  }

  /** Resolves when nothing is under way any more, however it ended. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#open?.copied, ...this.#puts]);
  }

  async #send(open: OpenSegment): Promise<void> {
    this.#open = undefined;
    this.#level.isWaitedFor = this.#puts.size >= PUTS_AT_ONCE;
    while (this.#puts.size >= PUTS_AT_ONCE) await Promise.race(this.#puts);
    this.#throwFailure();
    const put = this.#put(open)
      .catch((error: unknown) => {
        this.#failures.push(error);
      })
      .finally(() => this.#puts.delete(put));
    this.#puts.add(put);
  }

  async #put(open: OpenSegment): Promise<void> {
    const { store, clock } = this.#parts;
    const { signal } = this.#options;
    const { tenant } = this.#name;
    await open.copied;
    const { segment, digest } = open;
    append(open, segmentTrailer(tenant, segment.name, segment.records, keyOf(segment)));
    const blob = open.blob.subarray(0, open.filled);
    signal.throwIfAborted();
    const begin = clock.monotonic();
    const blobKey = segmentKey(tenant, segment.name);
    await store.put(blobKey, blob, { signal });
    this.#level.measured(blob.length, clock.monotonic() - begin);
    this.#sentBytes += blob.length;
    segment.sizeBytes = blob.length;
    segment.digest = new Uint8Array(digest.digest());
    await this.#verify(segment.name, blobKey, blob);
    // Only now: who failed to send it may still be reading from it.
    this.#blobs.push(open.blob);
  }

  /** What the store gives back is what it was given, or there is no archive. */
  async #verify(segment: string, blobKey: string, blob: Buffer): Promise<void> {
    let position = 0;
    let isSame = true;
    for await (const piece of this.#parts.store.get(blobKey, { signal: this.#options.signal })) {
      const end = position + piece.length;
      isSame &&= end <= blob.length && blob.compare(piece, 0, piece.length, position, end) === 0;
      position = end;
      free(piece);
    }
    if (isSame && position === blob.length) return;
    const { tenant, archive } = this.#name;
    throw archiveCorrupt(`${tenant}/${archive}`, `the store gives back something else than segment ${segment}`);
  }

  #newSegment(): OpenSegment {
    const name = `${this.#name.archive}/${randomBytes(12).toString('hex')}`;
    const { dataKey } = this.#options;
    const key = dataKey === undefined ? new Uint8Array() : segmentDataKey(dataKey, name);
    const segment: Segment = { name, sizeBytes: 0, digest: new Uint8Array(), key, records: [] };
    const number = this.#parts.known.openSegment(segment);
    const blob = this.#blobs.pop() ?? Buffer.allocUnsafeSlow((this.#options.segmentRecords + 1) * STORED_MAX_BYTES);
    return { segment, number, blob, filled: 0, digest: createHash('sha256'), added: 0, copied: Promise.resolve() };
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}

/** Behind what was added before, as soon as both are sealed; resolves when the slot is free, too, if something failed. */
async function copyNext(open: OpenSegment, full: FullSlot, sealed: Promise<CodecAnswer>): Promise<void> {
  const [before, own] = await Promise.allSettled([open.copied, sealed]);
  if (before.status === 'rejected') throw before.reason;
  if (own.status === 'rejected') throw own.reason;
  const { storedBytes, compression } = own.value;
  const { slot, rawBytes, lengths, ids } = full;
  open.segment.records.push({ offset: open.filled, storedBytes, rawBytes, compression, lengths, ids });
  append(open, slot.stored.subarray(0, storedBytes));
}

function append(open: OpenSegment, bytes: Uint8Array): void {
  open.blob.set(bytes, open.filled);
  open.filled += bytes.length;
  open.digest.update(bytes);
}

function keyOf({ key }: Segment): Uint8Array | undefined {
  return key.length === 0 ? undefined : key;
}
