import { CHUNK_ID_BYTES, RECORD_CHUNKS } from './constants.ts';
import { RunBuilder } from './contents.ts';
import { KeptIds } from './kept-ids.ts';
import type { KnownChunks } from './known-chunks.ts';
import type { Block } from './scan.ts';
import type { FullSlot, SegmentWriter } from './segment-writer.ts';
import { CHUNK_EARLIER, CHUNK_KNOWN, CHUNK_NAMED, CHUNK_ZEROS, type Slot, type SlotPool } from './slot.ts';
import type { SourceFile } from './source-files.ts';

interface OpenRecord {
  record: number;
  slot: Slot;
  rawBytes: number;
  chunks: number;
  lengths: number[];
}

/**
 * Says of each chunk of the scanned blocks where it is stored, and puts what is stored nowhere yet into records: a block of which
 * much is new becomes a record without the rest of it, single chunks are collected until they fill one.
 */
export class RecordBuilder {
  readonly #known: KnownChunks;
  readonly #writer: Pick<SegmentWriter, 'add'>;
  readonly #scanned: SlotPool;
  readonly #collected: SlotPool;
  readonly #recordBytes: number;
  readonly #ids = new KeptIds();
  readonly #runs = new Map<SourceFile, RunBuilder>();
  #open: OpenRecord | undefined;

  /** `scanned`: whose slots the blocks have; `collected`: for single chunks. */
  constructor(
    parts: { known: KnownChunks; writer: Pick<SegmentWriter, 'add'> },
    pools: { scanned: SlotPool; collected: SlotPool },
    options: { recordBytes: number },
  ) {
    this.#recordBytes = options.recordBytes;
    this.#known = parts.known;
    this.#writer = parts.writer;
    this.#scanned = pools.scanned;
    this.#collected = pools.collected;
  }

  /** What the file consists of so far; undefined when nothing of it was added. */
  runsOf(file: SourceFile): RunBuilder | undefined {
    return this.#runs.get(file);
  }

  async add(block: Block): Promise<void> {
    const { file, slot, position, length, earlier } = block;
    const { chunkBytes } = file;
    const runs = this.#runs.get(file) ?? new RunBuilder();
    this.#runs.set(file, runs);
    const chunks = Math.ceil(length / chunkBytes);
    const own = this.#newBytes(block, chunks) < this.#recordBytes / 4 ? undefined : this.#openIn(slot);
    const first = position / chunkBytes;
    for (let chunk = 0; chunk < chunks; chunk++) {
      const at = chunk * CHUNK_ID_BYTES;
      const kind = slot.kinds[chunk];
      if (kind === CHUNK_EARLIER && earlier !== undefined) {
        earlier.seek(first + chunk);
        this.#refer(runs, earlier.record, earlier.slot);
        continue;
      }
      const entry = kind === CHUNK_ZEROS ? -1 : this.#known.find(slot.ids, at);
      if (kind === CHUNK_ZEROS) runs.add(0, 0);
      else if (entry >= 0) {
        slot.kinds[chunk] = CHUNK_KNOWN;
        this.#refer(runs, this.#known.recordOf(entry), this.#known.slotOf(entry));
      } else {
        const begin = chunk * chunkBytes;
        const bytes = Math.min(chunkBytes, length - begin);
        const open = own ?? (await this.#collect(slot, begin, bytes));
        runs.add(open.record, this.#append(open, slot, at, bytes));
      }
    }
    if (own === undefined) this.#scanned.give(slot);
    else await this.#seal(own, this.#scanned, own.chunks === chunks ? undefined : { length, chunkBytes });
  }

  /** Hands on what is left. */
  async finish(): Promise<void> {
    if (this.#open !== undefined) await this.#close(this.#open);
  }

  /** Of a small block none: it would be a record for each small file. */
  #newBytes({ slot, length, file }: Block, chunks: number): number {
    if (length < this.#recordBytes / 4) return 0;
    let count = 0;
    for (let chunk = 0; chunk < chunks; chunk++) {
      if (slot.kinds[chunk] === CHUNK_NAMED && this.#known.find(slot.ids, chunk * CHUNK_ID_BYTES) < 0) count += 1;
    }
    return count * file.chunkBytes;
  }

  #refer(runs: RunBuilder, record: number, slot: number): void {
    this.#known.need(record);
    runs.add(record, slot);
  }

  /** The record of collected chunks that has room; it holds this one's bytes then. */
  async #collect(from: Slot, begin: number, length: number): Promise<OpenRecord> {
    if (
      this.#open !== undefined &&
      (this.#open.rawBytes + length > this.#recordBytes || this.#open.chunks === RECORD_CHUNKS)
    ) {
      await this.#close(this.#open);
    }
    this.#open ??= this.#openIn(await this.#collected.take());
    this.#open.slot.raw.set(from.raw.subarray(begin, begin + length), this.#open.rawBytes);
    return this.#open;
  }

  #openIn(slot: Slot): OpenRecord {
    return { record: this.#known.openRecord(slot.ids), slot, rawBytes: 0, chunks: 0, lengths: [] };
  }

  /** Returns the number of the chunk in the record. */
  #append(open: OpenRecord, from: Slot, id: number, length: number): number {
    const number = open.chunks;
    const { ids } = open.slot;
    for (let at = 0; at < CHUNK_ID_BYTES; at++) ids[number * CHUNK_ID_BYTES + at] = from.ids[id + at] ?? 0;
    this.#known.addChunk(open.record, number);
    open.chunks += 1;
    open.rawBytes += length;
    if (open.lengths.at(-2) === length) open.lengths.push((open.lengths.pop() ?? 0) + 1);
    else open.lengths.push(length, 1);
    return number;
  }

  async #close(open: OpenRecord): Promise<void> {
    this.#open = undefined;
    await this.#seal(open, this.#collected, undefined);
  }

  #seal({ record, slot, rawBytes, ...open }: OpenRecord, pool: SlotPool, sparse: FullSlot['sparse']): Promise<void> {
    // The slot is used again.
    const ids = this.#ids.keep(slot.ids.subarray(0, open.chunks * CHUNK_ID_BYTES));
    this.#known.moveIds(record, ids);
    const lengths = Uint32Array.from(open.lengths);
    return this.#writer.add(record, { slot, rawBytes, sparse, lengths, ids }, () => pool.give(slot));
  }
}
