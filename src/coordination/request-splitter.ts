const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);
const BLANK = new Set([0x20, 0x09, 0x0a, 0x0d]);
const FIRST = 0x7b;

/**
 * Cuts a stream into the JSON objects it consists of: requests come without framing, so one may arrive in pieces, and several in
 * one read. Looks at brackets and strings only; whether it is JSON the parser says. Every byte is looked at once, whatever the
 * pieces.
 */
export class RequestSplitter {
  #pieces: Buffer[] = [];
  #length = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** Bytes of a request that is not complete. */
  get pending(): number {
    return this.#length;
  }

  /** The texts of the objects these bytes complete; `invalid` when what comes is no object. */
  push(bytes: Buffer): string[] | 'invalid' {
    const found: string[] = [];
    let start = 0;
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index] ?? 0;
      if (this.#depth === 0) {
        if (BLANK.has(byte)) {
          start = index + 1;
          continue;
        }
        if (byte !== FIRST) return 'invalid';
        this.#depth = 1;
      } else if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) this.#inString = true;
      else if (OPEN.has(byte)) this.#depth++;
      else if (CLOSE.has(byte)) {
        this.#depth--;
        if (this.#depth > 0) continue;
        found.push(Buffer.concat([...this.#pieces, bytes.subarray(start, index + 1)]).toString('utf8'));
        this.#pieces = [];
        this.#length = 0;
        start = index + 1;
      }
    }
    if (this.#depth > 0 && start < bytes.length) {
      this.#pieces.push(bytes.subarray(start));
      this.#length += bytes.length - start;
    }
    return found;
  }
}
