import { CHUNK_ID_BYTES, RECORD_CHUNKS } from './constants.ts';
import { RunBuilder } from './contents.ts';
import type { KnownChunks } from './known-chunks.ts';
import type { Block } from './scan.ts';
import type { FullSlot, SegmentWriter } from './segment-writer.ts';
import { CHUNK_EARLIER, CHUNK_NAMED, CHUNK_ZEROS, type Slot, type SlotPool } from './slot.ts';
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
 * all is new becomes a record as it is, single chunks are collected until they fill one.
 */
export class RecordBuilder {
  readonly #known: KnownChunks;
  readonly #writer: Pick<SegmentWriter, 'add'>;
  readonly #scanned: SlotPool;
  readonly #collected: SlotPool;
  readonly #recordBytes: number;
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
    if (this.#isNew(block, chunks)) return this.#addWhole(block, runs, chunks);
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
      else if (entry >= 0) this.#refer(runs, this.#known.recordOf(entry), this.#known.slotOf(entry));
      else {
        const begin = chunk * chunkBytes;
        const collected = await this.#collect(slot, begin, Math.min(chunkBytes, length - begin), at);
        runs.add(collected.record, collected.slot);
      }
    }
    this.#scanned.give(slot);
  }

  /** Hands on what is left. */
  async finish(): Promise<void> {
    if (this.#open !== undefined) await this.#close(this.#open);
  }

  #isNew({ slot, length }: Block, chunks: number): boolean {
    // Small blocks are collected: a record for each would be one for each small file.
    if (length < this.#recordBytes / 4) return false;
    for (let chunk = 0; chunk < chunks; chunk++) {
      if (slot.kinds[chunk] !== CHUNK_NAMED || this.#known.find(slot.ids, chunk * CHUNK_ID_BYTES) >= 0) return false;
    }
    return true;
  }

  async #addWhole({ file, slot, length }: Block, runs: RunBuilder, chunks: number): Promise<void> {
    const ids = idsOf(slot, chunks);
    const record = this.#known.openRecord(ids);
    for (let chunk = 0; chunk < chunks; chunk++) {
      this.#known.addChunk(record, chunk);
      runs.add(record, chunk);
    }
    const rest = length % file.chunkBytes;
    const lengths =
      rest === 0 ? Uint32Array.of(file.chunkBytes, chunks) : Uint32Array.of(file.chunkBytes, chunks - 1, rest, 1);
    await this.#seal(record, { slot, rawBytes: length, lengths, ids }, this.#scanned);
  }

  #refer(runs: RunBuilder, record: number, slot: number): void {
    this.#known.need(record);
    runs.add(record, slot);
  }

  async #collect(from: Slot, begin: number, length: number, id: number): Promise<{ record: number; slot: number }> {
    if (
      this.#open !== undefined &&
      (this.#open.rawBytes + length > this.#recordBytes || this.#open.chunks === RECORD_CHUNKS)
    ) {
      await this.#close(this.#open);
    }
    const open = this.#open ?? this.#openIn(await this.#collected.take());
    this.#open = open;
    open.slot.raw.set(from.raw.subarray(begin, begin + length), open.rawBytes);
    open.slot.ids.set(from.ids.subarray(id, id + CHUNK_ID_BYTES), open.chunks * CHUNK_ID_BYTES);
    this.#known.addChunk(open.record, open.chunks);
    open.rawBytes += length;
    open.chunks += 1;
    if (open.lengths.at(-2) === length) open.lengths.push((open.lengths.pop() ?? 0) + 1);
    else open.lengths.push(length, 1);
    return { record: open.record, slot: open.chunks - 1 };
  }

  #openIn(slot: Slot): OpenRecord {
    return { record: this.#known.openRecord(slot.ids), slot, rawBytes: 0, chunks: 0, lengths: [] };
  }

  async #close({ record, slot, rawBytes, chunks, lengths }: OpenRecord): Promise<void> {
    this.#open = undefined;
    const full = { slot, rawBytes, lengths: Uint32Array.from(lengths), ids: idsOf(slot, chunks) };
    this.#known.moveIds(record, full.ids);
    await this.#seal(record, full, this.#collected);
  }

  #seal(record: number, full: FullSlot, pool: SlotPool): Promise<void> {
    return this.#writer.add(record, full, () => pool.give(full.slot));
  }
}

/** A copy: the slot is used again. */
function idsOf(slot: Slot, chunks: number): Uint8Array {
  return slot.ids.slice(0, chunks * CHUNK_ID_BYTES);
}
