const MAXIMUM_VARINT_BYTES = 10;

/** Reads the fields of one protocol buffer message. */
export class ProtobufReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /**
   * Numbers (varints, signed) as bigint, and everything with a length as bytes; fixed-size fields are passed over.
   * @throws RangeError when the message breaks off or is none
   */
  *fields(): Generator<{ number: number; value: bigint | Buffer }> {
    while (this.#position < this.#bytes.length) {
      const tag = Number(this.#varint());
      const number = Math.floor(tag / 8);
      switch (tag % 8) {
        case 0:
          yield { number, value: BigInt.asIntN(64, this.#varint()) };
          break;
        case 1:
          this.#take(8);
          break;
        case 2:
          yield { number, value: this.#take(Number(this.#varint())) };
          break;
        case 5:
          this.#take(4);
          break;
        default:
          throw new RangeError(`field ${number} has an unknown wire type`);
      }
    }
  }

  #varint(): bigint {
    let value = 0n;
    for (let index = 0; index < MAXIMUM_VARINT_BYTES; index++) {
      const byte = this.#bytes[this.#position++];
      if (byte === undefined) throw new RangeError('it breaks off in a number');
      value |= BigInt(byte & 0x7f) << BigInt(index * 7);
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number is longer than 64 bits');
  }

  #take(length: number): Buffer {
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new RangeError('it breaks off in a field');
    const bytes = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return bytes;
  }
}
