import { CHUNK_ID_BYTES } from './constants.ts';
import {
  type ArchiveContents,
  type ArchiveFile,
  type ArchiveRecord,
  chunkOffsets,
  RUN_NUMBERS,
  type Segment,
} from './contents.ts';

/** Parts of records that go to files: for each record, what to write where. */
export interface PlannedRecord {
  segment: Segment;
  index: number;
  record: ArchiveRecord;
  offsets: Uint32Array;
  /** By file: offset in the record, length, position in the file. */
  writes: { file: ArchiveFile; parts: number[] }[];
}

/**
 * What to fetch, record by record in the order they are stored in: each is fetched and opened once, however many files and places
 * refer to it. Throws RangeError when a file refers to chunks of other lengths than its own.
 */
export function* planFetch({ files, segments }: ArchiveContents): Generator<PlannedRecord, void> {
  const runs = sortedRuns(files);
  let at = 0;
  let number = 0;
  for (const segment of segments) {
    for (const [index, record] of segment.records.entries()) {
      number += 1;
      if (runs.record[runs.order[at] ?? -1] !== number) continue;
      const offsets = chunkOffsets(record, CHUNK_ID_BYTES);
      const writes = new Map<ArchiveFile, number[]>();
      for (let run = runs.order[at]; run !== undefined && runs.record[run] === number; run = runs.order[++at]) {
        const file = files[runs.file[run] ?? -1];
        if (file === undefined) continue;
        const [first = 0, count = 0, slot = 0] = [runs.chunk[run], runs.count[run], runs.slot[run]];
        checkLengths(file, offsets, first, count, slot);
        const begin = offsets[slot] ?? 0;
        const parts = writes.get(file) ?? [];
        writes.set(file, parts);
        parts.push(begin, (offsets[slot + count] ?? 0) - begin, first * file.chunkBytes);
      }
      const planned = [...writes].map(([file, parts]) => ({ file, parts }));
      yield { segment, index, record, offsets, writes: planned };
    }
  }
}

interface Runs {
  /** Numbers of runs, sorted by record. */
  order: Uint32Array;
  record: Uint32Array;
  slot: Uint32Array;
  count: Uint32Array;
  file: Uint32Array;
  /** First chunk in the file. */
  chunk: Float64Array;
}

/** Runs of all files that are no zeros. */
function sortedRuns(files: readonly ArchiveFile[]): Runs {
  let total = 0;
  for (const { runs } of files) {
    for (let at = 1; at < runs.length; at += RUN_NUMBERS) if (runs[at] !== 0) total += 1;
  }
  const numbers = (): Uint32Array => new Uint32Array(total);
  const sorted: Runs = {
    order: numbers().map((_, index) => index),
    record: numbers(),
    slot: numbers(),
    count: numbers(),
    file: numbers(),
    chunk: new Float64Array(total),
  };
  let next = 0;
  for (const [file, { runs }] of files.entries()) {
    let chunk = 0;
    for (let at = 0; at < runs.length; at += RUN_NUMBERS) {
      const count = runs[at] ?? 0;
      const record = runs[at + 1] ?? 0;
      if (record !== 0) {
        sorted.record[next] = record;
        sorted.slot[next] = runs[at + 2] ?? 0;
        sorted.count[next] = count;
        sorted.file[next] = file;
        sorted.chunk[next] = chunk;
        next += 1;
      }
      chunk += count;
    }
  }
  const { record } = sorted;
  sorted.order.sort((one, other) => (record[one] ?? 0) - (record[other] ?? 0) || one - other);
  return sorted;
}

function checkLengths(file: ArchiveFile, offsets: Uint32Array, first: number, count: number, slot: number): void {
  for (let index = 0; index < count; index++) {
    const expected = Math.min(file.chunkBytes, file.sizeBytes - (first + index) * file.chunkBytes);
    const found = (offsets[slot + index + 1] ?? 0) - (offsets[slot + index] ?? 0);
    if (found !== expected)
      throw new RangeError(`chunk ${first + index} of ${file.path} has ${found} bytes, not ${expected}`);
  }
}
