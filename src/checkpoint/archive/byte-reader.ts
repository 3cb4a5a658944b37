const MAX_NUMBER_BYTES = 8;

/** Reads what a ByteWriter wrote, or anybody else: every method throws RangeError rather than read beyond the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#offset;
  }

  number(maximum = Number.MAX_SAFE_INTEGER): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < MAX_NUMBER_BYTES; count++) {
      const byte = this.#bytes[this.#offset++];
      if (byte === undefined) throw new RangeError('a number is cut');
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte >= 0x80) continue;
      if (value > maximum) throw new RangeError(`${value} is more than ${maximum}`);
      return value;
    }
    throw new RangeError('a number has too many bytes');
  }

  /** How many of something follow, of which each takes `leastBytes` at least: never more than there is room for. */
  count(leastBytes: number): number {
    return this.number(Math.floor(this.left / leastBytes));
  }

  /** A view, no copy. */
  bytes(): Uint8Array {
    const length = this.number(Number.MAX_SAFE_INTEGER);
    if (length > this.left) throw new RangeError('bytes are cut');
    this.#offset += length;
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }

  text(maxBytes: number): string {
    const bytes = this.bytes();
    if (bytes.length > maxBytes) throw new RangeError('a text is too long');
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (error) {
      throw new RangeError('a text is not UTF-8', { cause: error });
    }
  }

  end(): void {
    if (this.left !== 0) throw new RangeError(`${this.left} bytes too many`);
  }
}
