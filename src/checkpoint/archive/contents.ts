import type { RecordCompression } from './record.ts';

/** What an archive consists of: files, put together out of chunks of records of segments. */
export interface ArchiveContents {
  /** RFC 3339. */
  createdAt: string;
  /** 0 for one that refers to no older archive's segments, else one more than the archive it was based on. */
  generation: number;
  /** Of the caller. */
  metadata: Readonly<Record<string, string>>;
  /** Relative paths, each after the one it is in. */
  directories: string[];
  files: ArchiveFile[];
  segments: Segment[];
}

export interface ArchiveFile {
  /** Relative, with `/`. */
  path: string;
  sizeBytes: number;
  /** Length of its chunks; the last may be shorter. */
  chunkBytes: number;
  runs: RunList;
}

/**
 * Which chunks a file consists of, three numbers a run: how many chunks; number of the record among the records of all segments in
 * their order, plus one (0: zeros); the first chunk there.
 */
export type RunList = Uint32Array;
export const RUN_NUMBERS = 3;

export interface Segment {
  name: string;
  /** Of the blob. */
  sizeBytes: number;
  /** SHA-256 of the blob. */
  digest: Uint8Array;
  /** Of its records; empty when they are not encrypted. */
  key: Uint8Array;
  records: ArchiveRecord[];
}

export interface ArchiveRecord {
  /** In the blob. */
  offset: number;
  storedBytes: number;
  rawBytes: number;
  compression: RecordCompression;
  /** Lengths of its chunks, two numbers a run: length, how many. */
  lengths: Uint32Array;
  /** Their ids, one after the other. */
  ids: Uint8Array;
}

/** Grows as runs are added; neighbours are joined. */
export class RunBuilder {
  #numbers = new Uint32Array(RUN_NUMBERS * 16);
  #used = 0;

  add(record: number, slot: number): void {
    const last = this.#used - RUN_NUMBERS;
    if (last >= 0 && this.#numbers[last + 1] === record) {
      const count = this.#numbers[last] ?? 0;
      if (record === 0 || (this.#numbers[last + 2] ?? 0) + count === slot) {
        this.#numbers[last] = count + 1;
        return;
      }
    }
    if (this.#used === this.#numbers.length) {
      const grown = new Uint32Array(this.#used * 2);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers.set([1, record, record === 0 ? 0 : slot], this.#used);
    this.#used += RUN_NUMBERS;
  }

  /** Numbers of records by `renumber`. */
  finish(renumber: (record: number) => number): RunList {
    const runs = this.#numbers.slice(0, this.#used);
    for (let at = 1; at < runs.length; at += RUN_NUMBERS) {
      const record = runs[at] ?? 0;
      if (record !== 0) runs[at] = renumber(record);
    }
    return runs;
  }
}

/** Says chunk by chunk, forwards only, where a file's chunks lie: numbers of records as {@link RunList} has them. */
export class RunCursor {
  readonly #runs: RunList;
  #at = 0;
  /** First chunk of the run at `#at`. */
  #first = 0;
  #chunk = 0;

  constructor(runs: RunList) {
    this.#runs = runs;
  }

  /** To a chunk of the file that is not before the one of the last call. */
  seek(chunk: number): void {
    this.#chunk = chunk;
    for (let count = this.#runs[this.#at]; count !== undefined; count = this.#runs[this.#at]) {
      if (chunk < this.#first + count) return;
      this.#first += count;
      this.#at += RUN_NUMBERS;
    }
    throw new RangeError(`the file has no chunk ${chunk}`);
  }

  /** 0: zeros. */
  get record(): number {
    return this.#runs[this.#at + 1] ?? 0;
  }

  get slot(): number {
    return this.record === 0 ? 0 : (this.#runs[this.#at + 2] ?? 0) + this.#chunk - this.#first;
  }
}

/** Start of each chunk of a record, and its end behind the last. Throws RangeError when they do not fill `rawBytes`. */
export function chunkOffsets({ lengths, rawBytes, ids }: ArchiveRecord, idBytes: number): Uint32Array {
  const offsets = new Uint32Array(ids.length / idBytes + 1);
  let slot = 0;
  let offset = 0;
  for (let at = 0; at < lengths.length; at += 2) {
    const length = lengths[at] ?? 0;
    for (let left = lengths[at + 1] ?? 0; left > 0; left--) {
      if (slot + 1 >= offsets.length) throw new RangeError('a record has more chunks than ids');
      offset += length;
      slot += 1;
      offsets[slot] = offset;
    }
  }
  if (slot + 1 !== offsets.length || offset !== rawBytes) throw new RangeError('the chunks of a record do not fill it');
  return offsets;
}
