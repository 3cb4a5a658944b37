const PIECE_BYTES = 64 * 1024;

/** Puts numbers, texts and bytes one after the other; numbers as protobuf's varints, lengths before what they measure. */
export class ByteWriter {
  #pieces: Uint8Array[] = [];
  #piece = Buffer.allocUnsafe(PIECE_BYTES);
  #used = 0;
  #length = 0;

  get length(): number {
    return this.#length + this.#used;
  }

  /** A safe integer from 0. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} cannot be written`);
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#piece[this.#used++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#piece[this.#used++] = rest;
  }

  bytes(bytes: Uint8Array): void {
    this.number(bytes.length);
    if (bytes.length > PIECE_BYTES / 4) {
      this.#close();
      this.#pieces.push(bytes);
      this.#length += bytes.length;
      return;
    }
    this.#room(bytes.length);
    this.#piece.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  text(text: string): void {
    this.bytes(Buffer.from(text));
  }

  /** All that was written since the last call. */
  take(): Buffer {
    this.#close();
    const all = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    return all;
  }

  #room(bytes: number): void {
    if (this.#used + bytes > PIECE_BYTES) this.#close();
  }

  #close(): void {
    if (this.#used === 0) return;
    this.#pieces.push(this.#piece.subarray(0, this.#used));
    this.#length += this.#used;
    this.#piece = Buffer.allocUnsafe(PIECE_BYTES);
    this.#used = 0;
  }
}
