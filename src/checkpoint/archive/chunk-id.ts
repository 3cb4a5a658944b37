import { hash, hkdfSync } from 'node:crypto';
import { CHUNK_ID_BYTES, FILE_CHUNK_BYTES } from './constants.ts';

/** SHA-256's block: a key of this length is one call of its compression function, and nothing of it mixes with the data. */
const KEY_BYTES = 64;

/**
 * Names chunks by their content, under a key of the tenant: who has not the key can neither say which id a page would get, nor
 * that two tenants hold the same page.
 *
 * SHA-256 of key and content, cut to half: a keyed prefix that cannot be extended, because half of the state is not shown
 * (as SHA-512/256 does). HMAC takes a second pass and four times as long for pages.
 */
export class ChunkIds {
  /** The key, and room for a chunk behind it: a hash in one call leaves no object whose memory waits for a collection. */
  #keyed: Buffer;

  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES) throw new RangeError(`a key of chunk ids has ${KEY_BYTES} bytes, not ${key.length}`);
    this.#keyed = Buffer.concat([key, Buffer.alloc(FILE_CHUNK_BYTES)]);
  }

  /** Writes the id of the chunk from `begin` to `end` of `bytes` to `ids` at `offset`. */
  write(bytes: Buffer, begin: number, end: number, ids: Uint8Array, offset: number): void {
    const length = KEY_BYTES + end - begin;
    // Only an archive that somebody else made has chunks of other lengths.
    if (length > this.#keyed.length) {
      this.#keyed = Buffer.concat([this.#keyed.subarray(0, KEY_BYTES), bytes.subarray(begin, end)]);
    } else bytes.copy(this.#keyed, KEY_BYTES, begin, end);
    // As text: a Buffer of its own for each hash costs half as much again, and waits for a collection.
    const digest = hash('sha256', this.#keyed.subarray(0, length), 'binary');
    for (let at = 0; at < CHUNK_ID_BYTES; at++) ids[offset + at] = digest.charCodeAt(at);
  }
}

/** The key of one tenant's chunk ids; tenants' keys tell nothing of each other, nor of `secret`. */
export function chunkIdKey(secret: Uint8Array, tenant: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, 'fermata chunk ids v1', `tenant ${tenant}`, KEY_BYTES));
}
