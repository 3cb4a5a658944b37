const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;

/** Writes protocol buffer fields one after the other (encoding of proto3: what has its default value is left out). */
export class ProtobufWriter {
  readonly #parts: Buffer[] = [];

  /** @param value negative ones are not needed here, and refused */
  integer(field: number, value: number): void {
    if (value === 0) return;
    if (value < 0 || !Number.isSafeInteger(value)) throw new RangeError(`${value} is not a natural number`);
    this.#parts.push(varint(field * 8 + VARINT), varint(value));
  }

  boolean(field: number, value: boolean): void {
    if (value) this.integer(field, 1);
  }

  double(field: number, value: number): void {
    if (value === 0) return;
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(varint(field * 8 + FIXED64), bytes);
  }

  string(field: number, value: string): void {
    if (value !== '') this.bytes(field, Buffer.from(value, 'utf8'));
  }

  /** A message inside this one; written even when it is empty, since its presence says something. */
  message(field: number, write: (inner: ProtobufWriter) => void): void {
    const inner = new ProtobufWriter();
    write(inner);
    this.bytes(field, inner.finish());
  }

  bytes(field: number, value: Buffer): void {
    this.#parts.push(varint(field * 8 + LENGTH_DELIMITED), varint(value.length), value);
  }

  finish(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
