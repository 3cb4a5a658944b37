const MEBIBYTE = 1024 * 1024;

export interface Part {
  /** From 1. */
  number: number;
  bytes: Uint8Array;
  last: boolean;
}

/**
 * Bytes of the part of this number. S3 takes 10,000 parts of at least 5 MiB: with these steps a blob may have 246 GiB, and
 * one below 8 GiB needs no more than 8 MiB of memory a part.
 */
export function partBytes(number: number): number {
  if (number <= 1000) return 8 * MEBIBYTE;
  return number <= 4000 ? 16 * MEBIBYTE : 32 * MEBIBYTE;
}

/** The body in parts, each full but the last, which is marked; a body without bytes has none. */
export async function* inParts(
  body: AsyncIterable<Uint8Array> | Uint8Array,
  signal: AbortSignal | undefined,
): AsyncGenerator<Part, void> {
  const pieces = body instanceof Uint8Array ? [body] : body;
  let number = 1;
  let size = partBytes(number);
  let filling: Uint8Array[] = [];
  let filled = 0;
  const full = (last: boolean): Part => {
    const part = { number, bytes: filling.length === 1 && filling[0] ? filling[0] : Buffer.concat(filling), last };
    filling = [];
    filled = 0;
    number++;
    size = partBytes(number);
    return part;
  };
  for await (const piece of pieces) {
    signal?.throwIfAborted();
    let rest = piece;
    while (rest.length > 0) {
      if (filled === size) yield full(false); // only now it is known that it is not the last
      const taken = rest.subarray(0, size - filled);
      filling.push(taken);
      filled += taken.length;
      rest = rest.subarray(taken.length);
    }
  }
  signal?.throwIfAborted();
  if (filled > 0) yield full(true);
}
