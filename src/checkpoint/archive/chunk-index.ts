import { CHUNK_ID_BYTES, RECORD_CHUNKS } from './constants.ts';

const INITIAL_PLACES = 2048;
/** What fits into the 32 bits of a place: records of 512 KiB, 2 TiB of them. */
const RECORDS_MAX = Math.floor(0xfffffffe / RECORD_CHUNKS);

/**
 * Chunk ids → where they are stored: number of the record among all of the archive, number of the chunk in it. The ids stay where
 * their records have them, and a typed array takes the place of a Map: 8 to 16 bytes a chunk instead of 200, so that the two
 * million pages of 8 GiB take 16 MiB.
 */
export class ChunkIndex {
  readonly #idsOf: (record: number) => Uint8Array;
  /** Entries and one, 0 for none; open addressing. */
  #table = new Uint32Array(INITIAL_PLACES);
  #count = 0;

  /** `idsOf`: the ids of a record's chunks, one after the other, for ever the same. */
  constructor(idsOf: (record: number) => Uint8Array) {
    this.#idsOf = idsOf;
  }

  get size(): number {
    return this.#count;
  }

  /** Makes room for so many more at once. Asked for piece by piece, it still doubles. */
  reserve(more: number): void {
    while ((this.#count + more) * 2 > this.#table.length) this.#growTable();
  }

  /** The entry of the id at `offset` of `ids`, or -1. Ids are uniform: their own bits are the hash. */
  find(ids: Uint8Array, offset: number): number {
    return (this.#table[this.#place(ids, offset)] ?? 0) - 1;
  }

  recordOf(entry: number): number {
    return Math.floor(entry / RECORD_CHUNKS);
  }

  slotOf(entry: number): number {
    return entry % RECORD_CHUNKS;
  }

  /**
   * Adds a chunk of a record, unless there is one of that id: the place that was first stays. A record too many is not kept: its chunks
   * are found no more, and stored again.
   */
  add(record: number, slot: number): void {
    if (record >= RECORDS_MAX) return;
    if (this.#count * 2 >= this.#table.length) this.#growTable();
    const place = this.#place(this.#idsOf(record), slot * CHUNK_ID_BYTES);
    if (this.#table[place] !== 0) return;
    this.#count += 1;
    this.#table[place] = record * RECORD_CHUNKS + slot + 1;
  }

  #place(ids: Uint8Array, offset: number): number {
    const mask = this.#table.length - 1;
    for (let place = wordAt(ids, offset) & mask; ; place = (place + 1) & mask) {
      const entry = this.#table[place] ?? 0;
      if (entry === 0 || this.#isEntry(entry - 1, ids, offset)) return place;
    }
  }

  #isEntry(entry: number, ids: Uint8Array, offset: number): boolean {
    const own = this.#idsOf(this.recordOf(entry));
    const begin = this.slotOf(entry) * CHUNK_ID_BYTES;
    for (let at = 0; at < CHUNK_ID_BYTES; at++) if (own[begin + at] !== ids[offset + at]) return false;
    return true;
  }

  #growTable(): void {
    const table = new Uint32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (const value of this.#table) {
      if (value === 0) continue;
      const entry = value - 1;
      let place = wordAt(this.#idsOf(this.recordOf(entry)), this.slotOf(entry) * CHUNK_ID_BYTES) & mask;
      while (table[place] !== 0) place = (place + 1) & mask;
      table[place] = value;
    }
    this.#table = table;
  }
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) |
      ((bytes[offset + 1] ?? 0) << 8) |
      ((bytes[offset + 2] ?? 0) << 16) |
      ((bytes[offset + 3] ?? 0) << 24)) >>>
    0
  );
}
