import { createCipheriv, createDecipheriv } from 'node:crypto';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { TAG_BYTES } from './constants.ts';
import { free } from './free.ts';

/** How the bytes of a record are stored. */
export type RecordCompression = 'none' | 'zstd';

/** What a record is bound to: it opens nowhere else. */
export interface RecordPlace {
  /** What holds it: `segment <name>`, `manifest <archive>`. */
  container: string;
  /** Its number there, from 0. */
  index: number;
  /** `last` is the one behind which nothing follows: a container cut at a record's end lacks it. */
  kind: 'chunks' | 'index' | 'body' | 'last';
}

/** zlib's of Node takes none that is smaller. */
const MINIMUM_CHUNK = 64;
/** Over the length, what zstd may need at most (ZSTD_COMPRESSBOUND): with that room it compresses at once, without buffers of its own between. */
const boundOf = (length: number): number => length + Math.floor(length / 256) + MINIMUM_CHUNK;
/** Below 3 % it is not worth what decompressing costs. */
const WORTHWHILE = 0.97;

/**
 * Compresses. What does not become smaller stays as it is.
 * @param level zstd's; undefined: not compressed
 */
export function compressed(
  raw: Uint8Array,
  level: number | undefined,
): { bytes: Uint8Array; compression: RecordCompression } {
  if (level !== undefined && raw.length > 0) {
    const bytes = zstdCompressSync(raw, {
      chunkSize: boundOf(raw.length),
      params: { [constants.ZSTD_c_compressionLevel]: level },
    });
    if (bytes.length < raw.length * WORTHWHILE) return { bytes, compression: 'zstd' };
    free(bytes);
  }
  return { bytes: raw, compression: 'none' };
}

/**
 * The bytes of a record as they were. Never makes more than `rawBytes`, whatever the compressed ones ask for. Throws RangeError
 * when they are none, or not so long.
 */
export function decompressed(bytes: Uint8Array, compression: RecordCompression, rawBytes: number): Uint8Array {
  let raw = bytes;
  if (compression === 'zstd') {
    try {
      raw = zstdDecompressSync(bytes, {
        // One byte more: a result that fills a chunk would have another one allocated behind it.
        chunkSize: Math.max(MINIMUM_CHUNK, rawBytes + 1),
        maxOutputLength: Math.max(1, rawBytes),
      });
    } catch (error) {
      throw new RangeError('it cannot be decompressed', { cause: error });
    }
  }
  if (raw.length !== rawBytes) throw new RangeError(`it has ${raw.length} bytes, not ${rawBytes}`);
  return raw;
}

/**
 * AES-256-GCM: ciphertext, then the tag. The nonce is the record's number: a key encrypts the records of one container, each
 * once (NIST SP 800-38D, deterministic construction); the place is authenticated with it.
 */
export function encrypted(bytes: Uint8Array, key: Uint8Array, place: RecordPlace): Uint8Array[] {
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(place));
  cipher.setAAD(placeBytes(place));
  const body = cipher.update(bytes);
  return [body, cipher.final(), cipher.getAuthTag()];
}

/** Throws RangeError when it was altered, belongs elsewhere, or the key is another. */
export function decrypted(sealed: Uint8Array, key: Uint8Array, place: RecordPlace): Uint8Array {
  if (sealed.length < TAG_BYTES) throw new RangeError(`it is cut: ${sealed.length} bytes`);
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(place), { authTagLength: TAG_BYTES });
  decipher.setAAD(placeBytes(place));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  try {
    const bytes = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
    decipher.final();
    return bytes;
  } catch (error) {
    throw new RangeError('it was altered, or belongs elsewhere', { cause: error });
  }
}

function nonceOf({ index }: RecordPlace): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(index, 8);
  return nonce;
}

function placeBytes({ container, index, kind }: RecordPlace): Uint8Array {
  return Buffer.from(`fermata record v1\0${container}\0${index}\0${kind}`);
}
