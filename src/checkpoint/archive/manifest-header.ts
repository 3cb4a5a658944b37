import { MANIFEST_HEADER_MAX_BYTES } from './constants.ts';
import type { Segment } from './contents.ts';
import { type ArchiveName, isSegmentName } from './names.ts';

export const MANIFEST_MAGIC = Buffer.from('FRMTARC1');

/**
 * What everybody may read of an archive: nothing of its files. With it a store can be checked, and what no archive needs any more
 * be found, without any key.
 */
export interface ManifestHeader extends ArchiveName {
  version: 1;
  encryption: 'aes-256-gcm' | 'none';
  /** Key id of who signed it. */
  signer: string;
  /** 64 hex digits, of chance: the body is encrypted under a key of its own, however often an upload is begun again. */
  salt: string;
  /** All that it refers to, its own and those of older archives. */
  segments: Omit<Segment, 'key' | 'records'>[];
}

/** Magic, length, JSON. */
export function encodeHeader(header: ManifestHeader): Uint8Array {
  const segments = header.segments.map(({ name, sizeBytes, digest }) => ({
    name,
    sizeBytes,
    sha256: Buffer.from(digest).toString('hex'),
  }));
  const { version, tenant, archive, encryption, signer, salt } = header;
  const json = Buffer.from(JSON.stringify({ version, tenant, archive, encryption, signer, salt, segments }));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(json.length);
  return Buffer.concat([MANIFEST_MAGIC, length, json]);
}

/** Bytes of the whole header when the first 12 begin a manifest. Throws RangeError. */
export function headerBytes(begin: Uint8Array): number {
  const bytes = Buffer.from(begin.buffer, begin.byteOffset, begin.byteLength);
  if (bytes.length < 12 || !bytes.subarray(0, 8).equals(MANIFEST_MAGIC)) throw new RangeError('it is no manifest');
  const length = bytes.readUInt32BE(8);
  if (length > MANIFEST_HEADER_MAX_BYTES) throw new RangeError(`a header of ${length} bytes is too long`);
  return 12 + length;
}

/** Reads the header of unknown origin. Throws RangeError. */
export function decodeHeader(bytes: Uint8Array): ManifestHeader {
  const end = headerBytes(bytes);
  if (bytes.length < end) throw new RangeError('its header is cut');
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(12, end)));
  } catch (error) {
    throw new RangeError('its header is not JSON in UTF-8', { cause: error });
  }
  if (!isRecord(value)) throw new RangeError('its header is no object');
  const { version, tenant, archive, encryption, signer, salt, segments } = value;
  if (version !== 1) throw new RangeError(`it is of version ${JSON.stringify(version)}; this Fermata reads 1`);
  const texts = typeof tenant === 'string' && typeof archive === 'string' && typeof signer === 'string';
  if (typeof salt !== 'string' || !/^[0-9a-f]{64}$/.test(salt)) throw new RangeError('its header has no salt');
  if (!texts || (encryption !== 'aes-256-gcm' && encryption !== 'none') || !Array.isArray(segments)) {
    throw new RangeError('its header lacks names, encryption, signer or segments');
  }
  return { version, tenant, archive, encryption, signer, salt, segments: segments.map(segmentOf) };
}

function segmentOf(value: unknown): Omit<Segment, 'key' | 'records'> {
  if (!isRecord(value)) throw new RangeError('its header names a segment that is none');
  const { name, sizeBytes, sha256 } = value;
  if (!isSegmentName(name)) throw new RangeError('its header names a segment that is none');
  if (typeof sizeBytes !== 'number' || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw new RangeError('its header has a segment without size');
  }
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new RangeError('its header has a segment without digest');
  }
  return { name, sizeBytes, digest: new Uint8Array(Buffer.from(sha256, 'hex')) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
