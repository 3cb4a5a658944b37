import { reasonOf } from '../../model/index.ts';
import { decodeDataKey } from '../keys/data-key-file.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { ArchiveKeys } from './archive-keys.ts';
import { readBlob } from './blobs.ts';
import { MANIFEST_BODY_MAX_BYTES } from './constants.ts';
import type { ArchiveContents } from './contents.ts';
import { archiveCorrupt, archiveMissing } from './errors.ts';
import { free } from './free.ts';
import { type ArchiveName, dataKeyKey, manifestKey } from './names.ts';
import { openManifest, type VerifiedManifest, verifyManifest } from './sealed-manifest.ts';

const KEY_FILE_MAX_BYTES = 1024 * 1024;

/** The manifest as a trusted key signed it; undefined when the store has none: there is no such archive (yet). */
export async function storedManifest(
  store: BlobStore,
  name: ArchiveName,
  keys: Pick<ArchiveKeys, 'trustedSigners'>,
  signal: AbortSignal,
): Promise<VerifiedManifest | undefined> {
  const blob = await read(store, name, manifestKey(name), MANIFEST_BODY_MAX_BYTES, signal);
  return blob === undefined ? undefined : verifyManifest(name, blob, keys.trustedSigners);
}

/** The key file, not opened; undefined when the store has none. */
export async function storedKeyFile(
  store: BlobStore,
  name: ArchiveName,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  return read(store, name, dataKeyKey(name), KEY_FILE_MAX_BYTES, signal);
}

/**
 * What is in the archive, as far as the identities open it; the manifest's body is given back, and cannot be opened again. Throws FermataError `ArchiveMissing` (no key file),
 * `ArchiveKeyUnavailable`, `ArchiveCorrupt`.
 */
export async function storedContents(
  store: BlobStore,
  name: ArchiveName,
  manifest: VerifiedManifest,
  keys: Pick<ArchiveKeys, 'identities'>,
  signal: AbortSignal,
): Promise<ArchiveContents> {
  const { header, body } = manifest;
  let dataKey: Uint8Array | undefined;
  if (header.encryption !== 'none') dataKey = await dataKeyOf(store, name, keys, signal);
  const contents = openManifest(manifest, dataKey);
  free(body);
  return contents;
}

async function dataKeyOf(
  store: BlobStore,
  name: ArchiveName,
  keys: Pick<ArchiveKeys, 'identities'>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const keyFile = await storedKeyFile(store, name, signal);
  const named = `${name.tenant}/${name.archive}`;
  if (keyFile === undefined) throw archiveMissing(named, 'its key file is not in the store');
  return decodeDataKey(name.archive, keyFile, keys.identities);
}

async function read(
  store: BlobStore,
  { tenant, archive }: ArchiveName,
  key: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  try {
    return await readBlob(store, key, maxBytes, signal);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw archiveCorrupt(`${tenant}/${archive}`, `${key}: ${reasonOf(error)}`, error);
  }
}
