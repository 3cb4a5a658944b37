import { createHash, hkdfSync } from 'node:crypto';
import { CHUNK_ID_BYTES } from './constants.ts';

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
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES) throw new RangeError(`a key of chunk ids has ${KEY_BYTES} bytes, not ${key.length}`);
    this.#key = key;
  }

  /** Writes the id of `chunk` to `ids` at `offset`. */
  write(chunk: Uint8Array, ids: Uint8Array, offset: number): void {
    const digest = createHash('sha256').update(this.#key).update(chunk).digest();
    digest.copy(ids, offset, 0, CHUNK_ID_BYTES);
  }
}

/** The key of one tenant's chunk ids; tenants' keys tell nothing of each other, nor of `secret`. */
export function chunkIdKey(secret: Uint8Array, tenant: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, 'fermata chunk ids v1', `tenant ${tenant}`, KEY_BYTES));
}
