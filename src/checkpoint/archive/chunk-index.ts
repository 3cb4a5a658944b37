import { CHUNK_ID_BYTES } from './constants.ts';

const INITIAL_SLOTS = 1024;

/**
 * Chunk ids → where they are stored: number of the record among all of the archive, number of the chunk in it. The ids stay where
 * their records have them, and typed arrays take the place of a Map: 15 to 23 bytes a chunk instead of 200, so that the two
 * million pages of 8 GiB take 40 MiB.
 */
export class ChunkIndex {
  readonly #idsOf: (record: number) => Uint8Array;
  #records = new Uint32Array(INITIAL_SLOTS);
  #slots = new Uint16Array(INITIAL_SLOTS);
  /** Number of the entry and one, 0 for none; open addressing. */
  #table = new Uint32Array(2 * INITIAL_SLOTS);
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

  /** Number of the entry of the id at `offset` of `ids`, or -1. Ids are uniform: their own bits are the hash. */
  find(ids: Uint8Array, offset: number): number {
    const entry = this.#table[this.#place(ids, offset)] ?? 0;
    return entry - 1;
  }

  recordOf(entry: number): number {
    return this.#records[entry] ?? 0;
  }

  slotOf(entry: number): number {
    return this.#slots[entry] ?? 0;
  }

  /** Adds a chunk of a record, unless there is one of that id: the place that was first stays. */
  add(record: number, slot: number): void {
    if (this.#count * 2 >= this.#table.length) this.#growTable();
    if (this.#count >= this.#records.length) this.#growEntries();
    const place = this.#place(this.#idsOf(record), slot * CHUNK_ID_BYTES);
    if (this.#table[place] !== 0) return;
    this.#records[this.#count] = record;
    this.#slots[this.#count] = slot;
    this.#count += 1;
    this.#table[place] = this.#count;
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
    this.#table = new Uint32Array(this.#table.length * 2);
    const mask = this.#table.length - 1;
    for (let entry = 0; entry < this.#count; entry++) {
      let place = wordAt(this.#idsOf(this.recordOf(entry)), this.slotOf(entry) * CHUNK_ID_BYTES) & mask;
      while (this.#table[place] !== 0) place = (place + 1) & mask;
      this.#table[place] = entry + 1;
    }
  }

  /** By half: doubling would hold three times of what is there. */
  #growEntries(): void {
    const entries = Math.ceil(this.#records.length * 1.5);
    const [records, slots] = [this.#records, this.#slots];
    this.#records = new Uint32Array(entries);
    this.#records.set(records);
    this.#slots = new Uint16Array(entries);
    this.#slots.set(slots);
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
