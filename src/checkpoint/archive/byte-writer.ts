import { free } from './free.ts';

const INITIAL_BYTES = 64 * 1024;
const NUMBER_MAX_BYTES = 8;

/** Puts numbers, texts and bytes one after the other; numbers as protobuf's varints, lengths before what they measure. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #used = 0;

  get length(): number {
    return this.#used;
  }

  /** A safe integer from 0. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} cannot be written`);
    this.#room(NUMBER_MAX_BYTES);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#used++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#used++] = rest;
  }

  bytes(bytes: Uint8Array): void {
    this.number(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  text(text: string): void {
    this.bytes(Buffer.from(text));
  }

  /** A copy of all that was written since the last call. */
  take(): Buffer {
    const all = Buffer.allocUnsafeSlow(this.#used);
    this.#bytes.copy(all, 0, 0, this.#used);
    this.#used = 0;
    return all;
  }

  #room(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#used + bytes));
    this.#bytes.copy(grown, 0, 0, this.#used);
    free(this.#bytes);
    this.#bytes = grown;
  }
}
