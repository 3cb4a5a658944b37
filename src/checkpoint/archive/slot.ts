import { CHUNK_ID_BYTES, PAGE_CHUNK_BYTES, RECORD_BYTES, RECORD_CHUNKS, TAG_BYTES } from './constants.ts';

/** Memory that threads share: what one record needs on its way. */
export interface Slot {
  /** Of no other in this process: by it a thread knows one that it was sent before. */
  number: number;
  raw: Uint8Array<SharedArrayBuffer>;
  stored: Uint8Array<SharedArrayBuffer>;
  ids: Uint8Array<SharedArrayBuffer>;
  /** Of each chunk that was scanned: {@link CHUNK_NAMED} and so on. */
  kinds: Uint8Array<SharedArrayBuffer>;
}

/** It has an id. */
export const CHUNK_NAMED = 0;
/** It is all zeros; no id. */
export const CHUNK_ZEROS = 1;
/** It is the same in the earlier file; no id. */
export const CHUNK_EARLIER = 2;
/** It has an id, under which it is stored already. */
export const CHUNK_KNOWN = 3;

/** Bytes a record takes in a segment at most. */
export const STORED_MAX_BYTES = RECORD_BYTES + TAG_BYTES;

let slots = 0;

function newSlot(): Slot {
  slots += 1;
  return {
    number: slots,
    raw: new Uint8Array(new SharedArrayBuffer(RECORD_BYTES)),
    stored: new Uint8Array(new SharedArrayBuffer(STORED_MAX_BYTES)),
    ids: new Uint8Array(new SharedArrayBuffer(RECORD_CHUNKS * CHUNK_ID_BYTES)),
    kinds: new Uint8Array(new SharedArrayBuffer(RECORD_BYTES / PAGE_CHUNK_BYTES)),
  };
}

/** So many slots and no more: whoever wants another one waits, and that bounds memory. */
export class SlotPool {
  readonly #free: Slot[] = [];
  readonly #waiting: ((slot: Slot) => void)[] = [];
  #left: number;

  constructor(slots: number) {
    this.#left = slots;
  }

  async take(): Promise<Slot> {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#left > 0) {
      this.#left -= 1;
      return newSlot();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(slot: Slot): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(slot);
    else next(slot);
  }
}
