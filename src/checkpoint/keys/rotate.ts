import type { ArchiveKeys } from '../archive/archive-keys.ts';
import { type ArchiveName, checkName, dataKeyKey } from '../archive/names.ts';
import { storedKeyFile } from '../archive/stored-manifest.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import { decodeDataKey, encodeDataKey, recipientIds } from './data-key-file.ts';

const KEY_FILE = /^([a-z0-9-]+)\/archives\/([a-z0-9-]+)\/key\.age$/;

/** What became of one archive's key file. */
export interface Rotated extends ArchiveName {
  /** Key ids of its recipients before, and now. */
  before: string[];
  now: string[];
}

/**
 * Wraps the data keys of all encrypted archives of a store anew, for these recipients and nobody else; the archives themselves are not
 * touched. Archives that are for them already are left alone, so that a rotation that was cut off is just done again. `identities`
 * must open them. Who was a recipient and kept a data key can still read what it could read: what is written from now on has other keys.
 *
 * Throws FermataError `ArchiveKeyUnavailable`, `ArchiveCorrupt`, and what the store throws; archives before that are done.
 * @param options.tenant only of this one; default: of all
 * @param told of each archive, done or left alone
 */
export async function rotateKeys(
  store: BlobStore,
  keys: Pick<ArchiveKeys, 'identities' | 'recipients'>,
  options: { dryRun?: boolean; tenant?: string; signal: AbortSignal },
  told: (archive: Rotated) => void,
): Promise<void> {
  const { signal, dryRun = false, tenant } = options;
  const now = [...new Set(keys.recipients.map(({ keyId }) => keyId))].sort();
  for (const name of await encryptedArchives(store, tenant, signal)) {
    checkName(name);
    const file = await storedKeyFile(store, name, signal);
    if (file === undefined) continue; // removed meanwhile
    const before = recipientIds(name.archive, file);
    if (before.join() !== now.join() && !dryRun) {
      const dataKey = decodeDataKey(name.archive, file, keys.identities);
      await store.put(dataKeyKey(name), encodeDataKey(name.archive, dataKey, keys.recipients), { signal });
    }
    told({ ...name, before, now });
  }
}

async function encryptedArchives(
  store: BlobStore,
  only: string | undefined,
  signal: AbortSignal,
): Promise<ArchiveName[]> {
  const names: ArchiveName[] = [];
  for await (const { key } of store.list(only === undefined ? '' : `${only}/`, signal)) {
    const [, tenant, archive] = KEY_FILE.exec(key) ?? [];
    if (tenant !== undefined && archive !== undefined) names.push({ tenant, archive });
  }
  return names.sort((one, other) => (dataKeyKey(one) < dataKeyKey(other) ? -1 : 1));
}
