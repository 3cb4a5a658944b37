import { isSafePath } from '../safe-path.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  CHUNK_ID_BYTES,
  FILE_CHUNK_BYTES,
  KEY_BYTES,
  PAGE_CHUNK_BYTES,
  RECORD_BYTES,
  RECORD_CHUNKS,
  TAG_BYTES,
} from './constants.ts';
import {
  type ArchiveContents,
  type ArchiveFile,
  type ArchiveRecord,
  chunkOffsets,
  RUN_NUMBERS,
  type Segment,
} from './contents.ts';
import { isSegmentName } from './names.ts';

const COMPRESSIONS = ['none', 'zstd'] as const;
const PATH_MAX_BYTES = 4096;
const TEXT_MAX_BYTES = 64 * 1024;
/** A piece is handed on as soon as it is so long. */
const PIECE_BYTES = 1024 * 1024;

/** The contents as bytes, piece by piece; sizes and digests of segments stand elsewhere, where they can be read without a key. */
export function* encodeContents(contents: ArchiveContents): Generator<Buffer, void> {
  const writer = new ByteWriter();
  writer.text(contents.createdAt);
  writer.number(contents.generation);
  writer.text(JSON.stringify(contents.metadata));
  writer.number(contents.directories.length);
  for (const directory of contents.directories) writer.text(directory);
  writer.number(contents.segments.length);
  for (const { name, key, records } of contents.segments) {
    writer.text(name);
    writer.bytes(key);
    writeRecords(writer, records);
    if (writer.length > PIECE_BYTES) yield writer.take();
  }
  writer.number(contents.files.length);
  for (const { path, sizeBytes, chunkBytes, runs } of contents.files) {
    writer.text(path);
    writer.number(sizeBytes);
    writer.number(chunkBytes);
    writer.number(runs.length / RUN_NUMBERS);
    for (const number of runs) {
      writer.number(number);
      if (writer.length > PIECE_BYTES) yield writer.take();
    }
  }
  yield writer.take();
}

/**
 * Reads contents of unknown origin; every number in it is checked, so that whoever uses them need not. `segments`: what is known of
 * them from elsewhere, in their order. Throws RangeError.
 */
export function decodeContents(
  bytes: Uint8Array,
  segments: readonly Omit<Segment, 'key' | 'records'>[],
): ArchiveContents {
  const reader = new ByteReader(bytes);
  const createdAt = reader.text(64);
  if (Number.isNaN(Date.parse(createdAt))) throw new RangeError('it has no time of creation');
  const generation = reader.number(0xffff);
  const metadata = metadataOf(reader.text(TEXT_MAX_BYTES));
  const paths = new Set<string>();
  const path = (): string => {
    const text = reader.text(PATH_MAX_BYTES);
    if (!isSafePath(text))
      throw new RangeError(`it has a path that leads elsewhere: ${JSON.stringify(text.slice(0, 200))}`);
    if (paths.has(text)) throw new RangeError(`it names ${JSON.stringify(text)} twice`);
    const above = text.lastIndexOf('/');
    if (above > 0 && !directories.has(text.slice(0, above)))
      throw new RangeError(`${JSON.stringify(text)} is in no folder`);
    paths.add(text);
    return text;
  };
  const directories = new Set<string>();
  for (let left = reader.count(2); left > 0; left--) directories.add(path());
  if (reader.count(2) !== segments.length) throw new RangeError('it has other segments than its header names');
  const complete = segments.map((segment) => segmentOf(reader, segment));
  const records = complete.flatMap((segment) => segment.records);
  const files: ArchiveFile[] = [];
  for (let left = reader.count(4); left > 0; left--) files.push(fileOf(reader, path(), records));
  reader.end();
  return { createdAt, generation, metadata, directories: [...directories], files, segments: complete };
}

export function writeRecords(writer: ByteWriter, records: readonly ArchiveRecord[]): void {
  writer.number(records.length);
  for (const { offset, storedBytes, rawBytes, compression, lengths, ids } of records) {
    for (const number of [offset, storedBytes, rawBytes, COMPRESSIONS.indexOf(compression), lengths.length / 2]) {
      writer.number(number);
    }
    for (const number of lengths) writer.number(number);
    writer.bytes(ids);
  }
}

/** Records as they lie in a blob of `sizeBytes`, one behind the other. Throws RangeError. */
export function readRecords(reader: ByteReader, sizeBytes: number): ArchiveRecord[] {
  const records: ArchiveRecord[] = [];
  let end = 0;
  for (let left = reader.count(8); left > 0; left--) {
    const offset = reader.number(sizeBytes);
    const storedBytes = reader.number(sizeBytes - offset);
    if (offset < end) throw new RangeError('records lie over each other');
    end = offset + storedBytes;
    if (storedBytes > RECORD_BYTES + TAG_BYTES) throw new RangeError(`a record of ${storedBytes} bytes is too long`);
    const rawBytes = reader.number(RECORD_BYTES);
    const compression = COMPRESSIONS[reader.number(COMPRESSIONS.length - 1)] ?? 'none';
    const lengths = new Uint32Array(2 * reader.count(2));
    for (let at = 0; at < lengths.length; at++) lengths[at] = reader.number(RECORD_BYTES);
    const ids = reader.bytes();
    if (ids.length % CHUNK_ID_BYTES !== 0 || ids.length > RECORD_CHUNKS * CHUNK_ID_BYTES) {
      throw new RangeError(`${ids.length} bytes of ids`);
    }
    const record = { offset, storedBytes, rawBytes, compression, lengths, ids };
    chunkOffsets(record, CHUNK_ID_BYTES);
    records.push(record);
  }
  return records;
}

function segmentOf(reader: ByteReader, known: Omit<Segment, 'key' | 'records'>): Segment {
  const name = reader.text(256);
  if (!isSegmentName(name) || name !== known.name) throw new RangeError('it has other segments than its header names');
  const key = reader.bytes();
  if (key.length !== 0 && key.length !== KEY_BYTES) throw new RangeError(`a key has ${key.length} bytes`);
  // A copy: a view would be sent to a thread with all of the manifest that it is a part of.
  return { ...known, key: Uint8Array.from(key), records: readRecords(reader, known.sizeBytes) };
}

function fileOf(reader: ByteReader, path: string, records: readonly ArchiveRecord[]): ArchiveFile {
  const sizeBytes = reader.number();
  const chunkBytes = reader.number();
  if (chunkBytes !== PAGE_CHUNK_BYTES && chunkBytes !== FILE_CHUNK_BYTES)
    throw new RangeError(`chunks of ${chunkBytes} bytes`);
  const runs = new Uint32Array(RUN_NUMBERS * reader.count(RUN_NUMBERS));
  for (let at = 0; at < runs.length; at++) runs[at] = reader.number(0xffffffff);
  let chunks = 0;
  for (let at = 0; at < runs.length; at += RUN_NUMBERS) {
    const [count = 0, number = 0, slot = 0] = [runs[at], runs[at + 1], runs[at + 2]];
    if (count === 0) throw new RangeError('it has an empty run of chunks');
    chunks += count;
    if (number === 0) continue;
    const record = records[number - 1];
    if (record === undefined) throw new RangeError('a file refers to a record that is not there');
    if (slot + count > record.ids.length / CHUNK_ID_BYTES)
      throw new RangeError('a file refers to a chunk that is not there');
  }
  if (chunks !== Math.ceil(sizeBytes / chunkBytes))
    throw new RangeError(`${chunks} chunks make no file of ${sizeBytes} bytes`);
  return { path, sizeBytes, chunkBytes, runs };
}

function metadataOf(text: string): Readonly<Record<string, string>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new RangeError('its metadata are not JSON', { cause: error });
  }
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isRecord || !Object.values(value as object).every((one) => typeof one === 'string')) {
    throw new RangeError('its metadata are not texts');
  }
  return value as Record<string, string>;
}
