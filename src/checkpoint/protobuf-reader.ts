/** One field of a protobuf message: numbers as they are, everything else as bytes. */
export interface ProtobufField {
  field: number;
  value: bigint | Uint8Array;
}

/**
 * The fields of a protobuf message, in their order (https://protobuf.dev/programming-guides/encoding): enough for CRIU's
 * images, of which only a few numbers are needed. Throws RangeError when the bytes are no message.
 */
export function* readProtobuf(bytes: Uint8Array): Generator<ProtobufField, void> {
  let offset = 0;

  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[offset++];
      if (byte === undefined) throw new RangeError('a number is cut');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new RangeError('a number has more than 64 bits');
  };

  const take = (length: number): Uint8Array => {
    if (length > bytes.length - offset) throw new RangeError('a field is cut');
    offset += length;
    return bytes.subarray(offset - length, offset);
  };

  while (offset < bytes.length) {
    const key = varint();
    const field = Number(key >> 3n);
    switch (Number(key & 7n)) {
      case 0:
        yield { field, value: varint() };
        break;
      case 1:
        yield { field, value: take(8) };
        break;
      case 2:
        yield { field, value: take(Number(varint())) };
        break;
      case 5:
        yield { field, value: take(4) };
        break;
      default:
        throw new RangeError(`wire type ${key & 7n} is unknown`);
    }
  }
}

/** The values of the numeric field, in their order. */
export function numbersOf(message: Uint8Array, field: number): number[] {
  const values: number[] = [];
  for (const entry of readProtobuf(message)) {
    if (entry.field === field && typeof entry.value === 'bigint') values.push(Number(entry.value));
  }
  return values;
}
