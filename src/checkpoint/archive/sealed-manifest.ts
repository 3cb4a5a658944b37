import { createHash, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { reasonOf } from '../../model/index.ts';
import { KEY_BYTES, MANIFEST_BODY_MAX_BYTES, RECORD_BYTES } from './constants.ts';
import type { ArchiveContents } from './contents.ts';
import { decodeContents, encodeContents } from './contents-codec.ts';
import { archiveCorrupt } from './errors.ts';
import { allocateLarge, free } from './free.ts';
import { decodeHeader, encodeHeader, headerBytes, type ManifestHeader } from './manifest-header.ts';
import type { ArchiveName } from './names.ts';
import { compressed, decompressed, decrypted, encrypted, type RecordCompression, type RecordPlace } from './record.ts';
import { isSignedBy, SIGNATURE_BYTES, signatureOf, signerIdOf } from './signature.ts';

/** Of each record of the body: stored bytes, raw bytes, kind, compression. */
const FRAME_BYTES = 10;
const BODY_LEVEL = 1;

/**
 * A manifest: header, contents in records (compressed, encrypted when `dataKey` is given), Ed25519 signature over all of it.
 */
export function* sealManifest(
  name: ArchiveName,
  contents: ArchiveContents,
  keys: { dataKey: Uint8Array | undefined; signingKey: KeyObject },
): Generator<Uint8Array, void> {
  const hash = createHash('sha256');
  const out = (bytes: Uint8Array): Uint8Array => {
    hash.update(bytes);
    return bytes;
  };
  const { dataKey, signingKey } = keys;
  const encryption = dataKey === undefined ? 'none' : 'aes-256-gcm';
  const salt = randomBytes(KEY_BYTES).toString('hex');
  const { segments } = contents;
  yield out(encodeHeader({ version: 1, ...name, encryption, signer: signerIdOf(signingKey), salt, segments }));
  const key = dataKey === undefined ? undefined : bodyKey(dataKey, salt);
  let index = 0;
  function* record(raw: Uint8Array, kind: 'body' | 'last'): Generator<Uint8Array, void> {
    const { bytes, compression } = compressed(raw, BODY_LEVEL);
    const stored = key === undefined ? bytes : joined(encrypted(bytes, key, placeOf(name, index, kind)));
    if (key !== undefined && bytes !== raw) free(bytes);
    const frame = Buffer.alloc(FRAME_BYTES);
    frame.writeUInt32BE(stored.length, 0);
    frame.writeUInt32BE(raw.length, 4);
    frame.writeUInt8(kind === 'last' ? 1 : 0, 8);
    frame.writeUInt8(compression === 'zstd' ? 1 : 0, 9);
    yield out(frame);
    yield out(stored);
    index += 1;
  }
  for (const piece of encodeContents(contents)) {
    for (let offset = 0; offset < piece.length; offset += RECORD_BYTES) {
      yield* record(piece.subarray(offset, offset + RECORD_BYTES), 'body');
    }
    // Not encrypted it may be what was handed on.
    if (key !== undefined) free(piece);
  }
  yield* record(new Uint8Array(), 'last');
  yield signatureOf(hash, signingKey);
}

/** A manifest whose signature was verified; its contents are not decrypted yet. */
export interface VerifiedManifest {
  header: ManifestHeader;
  /** `sha256:` and 64 hex digits of the whole blob. */
  digest: string;
  sizeBytes: number;
  body: Uint8Array;
}

/**
 * Lets only what a trusted key signed through, for that very archive. `trusted`: Ed25519 public keys. Throws FermataError
 * `ArchiveCorrupt`.
 */
export function verifyManifest(name: ArchiveName, blob: Uint8Array, trusted: readonly KeyObject[]): VerifiedManifest {
  return named(name, () => {
    const signedBytes = blob.subarray(0, blob.length - SIGNATURE_BYTES);
    const signature = blob.subarray(signedBytes.length);
    const hash = createHash('sha256').update(signedBytes);
    const digest = hash.copy().update(signature).digest('hex');
    const end = headerBytes(blob);
    if (end > signedBytes.length) throw new RangeError('it is cut');
    const header = decodeHeader(blob.subarray(0, end));
    if (!isSignedBy(trusted, hash, signature)) {
      throw new RangeError(
        `it was altered, or its signer (it says: ${header.signer.slice(0, 64)}) is not trusted here`,
      );
    }
    if (header.tenant !== name.tenant || header.archive !== name.archive) {
      throw new RangeError(`it belongs to archive ${header.tenant}/${header.archive}`);
    }
    return { header, digest: `sha256:${digest}`, sizeBytes: blob.length, body: blob.subarray(end, signedBytes.length) };
  });
}

/** Decrypts and reads the contents. Throws FermataError `ArchiveCorrupt`. */
export function openManifest(manifest: VerifiedManifest, dataKey: Uint8Array | undefined): ArchiveContents {
  const { header, body } = manifest;
  return named(header, () => {
    if ((header.encryption === 'none') !== (dataKey === undefined))
      throw new RangeError('its encryption is not as asked for');
    const key = dataKey === undefined ? undefined : bodyKey(dataKey, header.salt);
    return decodeContents(openBody(header, body, key), header.segments);
  });
}

interface BodyRecord {
  index: number;
  kind: 'body' | 'last';
  compression: RecordCompression;
  rawBytes: number;
  stored: Uint8Array;
}

/** Record by record into their place: a large one never lies there twice. */
function openBody(name: ArchiveName, body: Uint8Array, key: Uint8Array | undefined): Uint8Array {
  let rawBytes = 0;
  for (const record of bodyRecords(body)) rawBytes += record.rawBytes;
  if (rawBytes > MANIFEST_BODY_MAX_BYTES) throw new RangeError('it is too long');
  const whole = allocateLarge(rawBytes);
  let filled = 0;
  for (const { index, kind, compression, stored, ...record } of bodyRecords(body)) {
    const opened = key === undefined ? stored : decrypted(stored, key, placeOf(name, index, kind));
    const raw = decompressed(opened, compression, record.rawBytes);
    whole.set(raw, filled);
    filled += raw.length;
    for (const part of [opened, raw]) if (part.buffer !== body.buffer) free(part);
  }
  return whole;
}

/** To the last one, behind which nothing may follow. */
function* bodyRecords(body: Uint8Array): Generator<BodyRecord, void> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let offset = 0;
  for (let index = 0; ; index++) {
    if (bytes.length - offset < FRAME_BYTES) throw new RangeError('it ends before its last record');
    const [storedBytes, rawBytes] = [bytes.readUInt32BE(offset), bytes.readUInt32BE(offset + 4)];
    const [last, zstd] = [bytes[offset + 8], bytes[offset + 9]];
    offset += FRAME_BYTES;
    if (storedBytes > bytes.length - offset) throw new RangeError('a record is cut');
    if (rawBytes > RECORD_BYTES) throw new RangeError(`a record of ${rawBytes} bytes is too long`);
    const stored = bytes.subarray(offset, offset + storedBytes);
    const kind = last === 1 ? 'last' : 'body';
    offset += storedBytes;
    yield { index, kind, compression: zstd === 1 ? 'zstd' : 'none', rawBytes, stored };
    if (kind === 'body') continue;
    if (offset !== bytes.length) throw new RangeError('something follows its last record');
    return;
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = Buffer.concat(pieces);
  for (const piece of pieces) free(piece);
  return whole;
}

function placeOf({ tenant, archive }: ArchiveName, index: number, kind: 'body' | 'last'): RecordPlace {
  return { container: `manifest ${tenant}/${archive}`, index, kind };
}

function bodyKey(dataKey: Uint8Array, salt: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', dataKey, Buffer.from(salt, 'hex'), 'fermata manifest v1', KEY_BYTES));
}

/** Of the records of one segment. */
export function segmentDataKey(dataKey: Uint8Array, segment: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', dataKey, segment, 'fermata segment v1', KEY_BYTES));
}

function named<T>(name: ArchiveName, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw archiveCorrupt(`${name.tenant}/${name.archive}`, `its manifest: ${reasonOf(error)}`, error);
  }
}
