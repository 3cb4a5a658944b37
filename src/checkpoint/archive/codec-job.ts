import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import type { ChunkIds } from './chunk-id.ts';
import { CHUNK_ID_BYTES, RECORD_BYTES } from './constants.ts';
import { free } from './free.ts';
import { compressed, decompressed, decrypted, encrypted, type RecordCompression, type RecordPlace } from './record.ts';
import { CHUNK_EARLIER, CHUNK_NAMED, CHUNK_ZEROS, type Slot } from './slot.ts';

/** Reads part of an open file into `raw`, and says kinds and ids of its chunks. */
export interface ScanJob {
  kind: 'scan';
  slot: Slot;
  descriptor: number;
  position: number;
  length: number;
  chunkBytes: number;
  /** An open file that may hold the same at the same place. */
  earlier: number | undefined;
}

/** Makes the stored form of `raw`. */
export interface SealJob {
  kind: 'seal';
  slot: Slot;
  rawBytes: number;
  /** The chunks that make it up lie between others, as scanned. Undefined: they lie at the start, one behind the other. */
  sparse: SparseChunks | undefined;
  /** zstd's; undefined: not compressed. */
  level: number | undefined;
  /** Undefined: not encrypted. */
  key: Uint8Array | undefined;
  place: RecordPlace;
}

/** So many bytes of chunks, of which `kinds` says {@link CHUNK_NAMED} of those that are meant. */
export interface SparseChunks {
  length: number;
  chunkBytes: number;
}

/** Verifies what is in `stored` against `ids`, and only then writes of it what is asked for. */
export interface OpenJob {
  kind: 'open';
  slot: Slot;
  storedBytes: number;
  rawBytes: number;
  compression: RecordCompression;
  key: Uint8Array | undefined;
  place: RecordPlace;
  /** Where each chunk begins, and the last one ends. */
  offsets: Uint32Array;
  writes: readonly FileWrite[];
}

export interface FileWrite {
  /** Absolute; the file exists. */
  path: string;
  /** Three numbers each: offset in the record, length, position in the file. */
  parts: readonly number[];
}

export type CodecJob = ScanJob | SealJob | OpenJob;

type WithoutSlot<J> = J extends CodecJob ? Omit<J, 'slot'> : never;

/** A job as it is sent to a thread. */
export interface SentJob {
  job: WithoutSlot<CodecJob>;
  slotNumber: number;
  /** Absent when the thread was sent it before: describing its memory costs more than the rest. */
  slot?: Slot;
}

export interface CodecAnswer {
  storedBytes: number;
  compression: RecordCompression;
}

const NOTHING: CodecAnswer = { storedBytes: 0, compression: 'none' };
const ZEROS = Buffer.alloc(64 * 1024);
/** What an earlier file holds; made when there is one. */
let earlierBytes: Buffer | undefined;

/** Does the job here and now. Throws RangeError when the data is not what it should be, else what the system says. */
export function perform(job: CodecJob, ids: ChunkIds): CodecAnswer {
  switch (job.kind) {
    case 'scan':
      return scan(job, ids);
    case 'seal':
      return seal(job);
    case 'open':
      return open(job, ids);
  }
}

function scan({ slot, descriptor, position, length, chunkBytes, earlier }: ScanJob, ids: ChunkIds): CodecAnswer {
  if (readInto(slot.raw, descriptor, position, length) < length) {
    throw new RangeError('it became shorter while it was read');
  }
  const raw = Buffer.from(slot.raw.buffer, 0, length);
  earlierBytes ??= earlier === undefined ? undefined : Buffer.alloc(RECORD_BYTES);
  const comparable = earlier === undefined ? 0 : readEarlier(earlier, position, length);
  for (let offset = 0, index = 0; offset < length; offset += chunkBytes, index++) {
    const end = Math.min(offset + chunkBytes, length);
    // Only whole ones: a shorter last chunk may go on in the earlier file.
    const isEarlier = offset + chunkBytes <= comparable && earlierBytes?.compare(raw, offset, end, offset, end) === 0;
    slot.kinds[index] = isEarlier ? CHUNK_EARLIER : CHUNK_NAMED;
    if (isEarlier) continue;
    const isZeros = raw[offset] === 0 && raw.compare(ZEROS, 0, end - offset, offset, end) === 0;
    if (isZeros) slot.kinds[index] = CHUNK_ZEROS;
    else ids.write(raw, offset, end, slot.ids, index * CHUNK_ID_BYTES);
  }
  return NOTHING;
}

/** How many bytes of the earlier file there are to compare with: none, when it cannot be read, for nothing depends on it. */
function readEarlier(descriptor: number, position: number, length: number): number {
  if (earlierBytes === undefined) return 0;
  try {
    return readInto(earlierBytes, descriptor, position, length);
  } catch {
    return 0;
  }
}

/** Returns how many bytes were read: fewer than `length` only where the file ends. */
function readInto(target: Uint8Array, descriptor: number, position: number, length: number): number {
  let done = 0;
  while (done < length) {
    const count = readSync(descriptor, target, done, length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

function seal({ slot, rawBytes, sparse, level, key, place }: SealJob): CodecAnswer {
  if (sparse !== undefined) closeUp(slot, sparse);
  const { bytes, compression } = compressed(slot.raw.subarray(0, rawBytes), level);
  let storedBytes = 0;
  for (const piece of key === undefined ? [bytes] : encrypted(bytes, key, place)) {
    slot.stored.set(piece, storedBytes);
    storedBytes += piece.length;
    free(piece);
  }
  if (key !== undefined) free(bytes);
  return { storedBytes, compression };
}

/** Moves the chunks that are meant to the start, in their order. */
function closeUp({ raw, kinds }: Slot, { length, chunkBytes }: SparseChunks): void {
  const chunks = Math.ceil(length / chunkBytes);
  let filled = 0;
  const bytes = Buffer.from(raw.buffer); // in shared memory its `copy` is four times as fast as `copyWithin`
  for (let begin = 0; begin < chunks; begin++) {
    if (kinds[begin] !== CHUNK_NAMED) continue;
    let end = begin + 1;
    while (end < chunks && kinds[end] === CHUNK_NAMED) end += 1;
    const to = Math.min(end * chunkBytes, length);
    bytes.copy(bytes, filled, begin * chunkBytes, to);
    filled += to - begin * chunkBytes;
    begin = end;
  }
}

function open(job: OpenJob, ids: ChunkIds): CodecAnswer {
  const { slot, key, place, compression, rawBytes, offsets } = job;
  const stored = slot.stored.subarray(0, job.storedBytes);
  const opened = key === undefined ? stored : decrypted(stored, key, place);
  const whole = decompressed(opened, compression, rawBytes);
  if (whole !== opened) free(opened);
  const raw = Buffer.from(whole.buffer, whole.byteOffset, whole.length);
  const found = Buffer.alloc(CHUNK_ID_BYTES);
  for (let chunk = 0; chunk + 1 < offsets.length; chunk++) {
    ids.write(raw, offsets[chunk] ?? 0, offsets[chunk + 1] ?? 0, found, 0);
    const expected = slot.ids.subarray(chunk * CHUNK_ID_BYTES, (chunk + 1) * CHUNK_ID_BYTES);
    if (found.compare(expected) !== 0) throw new RangeError(`its chunk ${chunk} is another one`);
  }
  for (const { path, parts } of job.writes) {
    const descriptor = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      for (let at = 0; at < parts.length; at += 3) {
        const [offset = 0, length = 0, position = 0] = [parts[at], parts[at + 1], parts[at + 2]];
        for (let done = 0; done < length; ) {
          done += writeSync(descriptor, raw, offset + done, length - done, position + done);
        }
      }
    } finally {
      closeSync(descriptor);
    }
  }
  free(raw);
  return NOTHING;
}
