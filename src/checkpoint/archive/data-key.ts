import { randomBytes } from 'node:crypto';
import { FermataError } from '../../model/index.ts';
import { decodeDataKey, encodeDataKey, recipientIds } from '../keys/data-key-file.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { ArchiveKeys } from './archive-keys.ts';
import { KEY_BYTES } from './constants.ts';
import { type ArchiveName, dataKeyKey } from './names.ts';
import { storedKeyFile } from './stored-manifest.ts';

/** The key of an archive's records, and the file in the store from which its recipients get it. */
export interface DataKey {
  key: Uint8Array;
  file: Uint8Array;
}

/**
 * That of an earlier try of this upload, when these keys open it; else a new one, and what was sent under the old one is worth nothing.
 * Undefined: nobody is named as recipient, and the archive is not encrypted.
 */
export async function dataKeyFor(
  store: BlobStore,
  name: ArchiveName,
  keys: ArchiveKeys,
  signal: AbortSignal,
): Promise<DataKey | undefined> {
  const { recipients, identities } = keys;
  if (recipients.length === 0) return undefined;
  const earlier = await storedKeyFile(store, name, signal);
  const known = earlier === undefined ? undefined : opened(name, earlier, identities);
  const wanted = [...new Set(recipients.map(({ keyId }) => keyId))].sort().join();
  if (earlier !== undefined && known !== undefined && recipientIds(name.archive, earlier).join() === wanted) {
    return { key: known, file: earlier };
  }
  const key = known ?? new Uint8Array(randomBytes(KEY_BYTES));
  const file = encodeDataKey(name.archive, key, recipients);
  await store.put(dataKeyKey(name), file, { signal });
  return { key, file };
}

function opened(name: ArchiveName, file: Uint8Array, identities: ArchiveKeys['identities']): Uint8Array | undefined {
  try {
    return decodeDataKey(name.archive, file, identities);
  } catch (error) {
    if (error instanceof FermataError) return undefined;
    throw error;
  }
}
