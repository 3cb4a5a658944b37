import { ChunkIndex } from './chunk-index.ts';
import { CHUNK_ID_BYTES } from './constants.ts';
import type { Segment } from './contents.ts';

const NOWHERE = -1;
const NO_IDS = new Uint8Array();

/**
 * All chunks that an upload need not send: of the archive it is based on, of its own earlier try, and those it has sent. Records are
 * numbered from 1 as they come.
 */
export class KnownChunks {
  readonly #segments: Segment[] = [];
  readonly #index = new ChunkIndex((record) => this.#idsOf[record - 1] ?? NO_IDS);
  /** By number of the record, less one: ids of its chunks, number of its segment, and its own there. */
  readonly #idsOf: Uint8Array[] = [];
  readonly #segmentOf: number[] = [];
  readonly #placeOf: number[] = [];
  readonly #needed = new Set<number>();

  /** A segment that the store has, with all of its records. */
  addSegment(segment: Segment): void {
    const number = this.openSegment(segment);
    this.#index.reserve(segment.records.reduce((sum, { ids }) => sum + ids.length / CHUNK_ID_BYTES, 0));
    for (const [place, { ids }] of segment.records.entries()) {
      const record = this.openRecord(ids);
      this.seat(record, number, place);
      for (let slot = 0; slot * CHUNK_ID_BYTES < ids.length; slot++) this.#index.add(record, slot);
    }
  }

  /** Number of a segment whose records come one by one. */
  openSegment(segment: Segment): number {
    return this.#segments.push(segment) - 1;
  }

  /** Number of a new record, which is in no segment yet. `ids`: of its chunks; there when they are added. */
  openRecord(ids: Uint8Array): number {
    this.#idsOf.push(ids);
    this.#placeOf.push(0);
    return this.#segmentOf.push(NOWHERE);
  }

  seat(record: number, segment: number, place: number): void {
    this.#segmentOf[record - 1] = segment;
    this.#placeOf[record - 1] = place;
  }

  /** The same ids lie there from now on. */
  moveIds(record: number, ids: Uint8Array): void {
    this.#idsOf[record - 1] = ids;
  }

  addChunk(record: number, slot: number): void {
    this.#index.add(record, slot);
  }

  /** Entry of the chunk, or -1: for {@link recordOf} and {@link slotOf}. */
  find(ids: Uint8Array, offset: number): number {
    return this.#index.find(ids, offset);
  }

  recordOf(entry: number): number {
    return this.#index.recordOf(entry);
  }

  slotOf(entry: number): number {
    return this.#index.slotOf(entry);
  }

  /** A file refers to the record: its segment belongs to the archive. */
  need(record: number): void {
    const segment = this.#segmentOf[record - 1] ?? NOWHERE;
    if (segment !== NOWHERE) this.#needed.add(segment);
  }

  /** The segments that belong to the archive, in order, and the numbers of records among theirs, from 1. */
  needed(isNew: (segment: Segment) => boolean): { segments: Segment[]; renumber: (record: number) => number } {
    const bases = new Map<number, number>();
    const segments: Segment[] = [];
    let base = 1;
    for (const [number, segment] of this.#segments.entries()) {
      if (!this.#needed.has(number) && !isNew(segment)) continue;
      bases.set(number, base);
      segments.push(segment);
      base += segment.records.length;
    }
    const renumber = (record: number): number =>
      (bases.get(this.#segmentOf[record - 1] ?? NOWHERE) ?? 0) + (this.#placeOf[record - 1] ?? 0);
    return { segments, renumber };
  }
}
