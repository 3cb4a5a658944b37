import { hash } from 'node:crypto';

/** A digest covers the file chunk by chunk, so that all cores can work on one file; the last chunk may be shorter. */
export const CHUNK_BYTES = 4 * 1024 * 1024;

/**
 * `sha256:` and the hex SHA-256 of the concatenated SHA-256s of the file's chunks of {@link CHUNK_BYTES}; an empty file
 * has no chunk. A plain digest of the whole file would be bound to one core, within the wait of an urgent pod.
 */
export function contentDigest(chunkDigests: readonly Uint8Array[]): string {
  return plainDigest(Buffer.concat(chunkDigests));
}

/** The {@link contentDigest} of bytes held in memory. */
export function digestOfBytes(bytes: Uint8Array): string {
  const chunks: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES) {
    chunks.push(hash('sha256', bytes.subarray(offset, offset + CHUNK_BYTES), 'buffer'));
  }
  return contentDigest(chunks);
}

/** `sha256:` and the hex SHA-256 of the bytes: what `sha256sum` prints. */
export function plainDigest(bytes: Uint8Array): string {
  return `sha256:${hash('sha256', bytes, 'hex')}`;
}
