import { FermataError, reasonOf } from '../../model/index.ts';
import { recipientIds } from '../keys/data-key-file.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import type { ArchiveKeys } from './archive-keys.ts';
import { MAX_GENERATION } from './constants.ts';
import type { ArchiveContents } from './contents.ts';
import type { ArchiveName } from './names.ts';
import { storedContents, storedKeyFile, storedManifest } from './stored-manifest.ts';

/**
 * The first of the archives on which a new one may be based: what it holds already need not be sent. It must be whole, readable with
 * these keys, encrypted as the new one, not too many generations old, and each recipient of the new one must be one of its own:
 * whoever gets the keys of its segments could read them before. Undefined: there is none.
 * @param skipped is told why an archive is none
 */
export async function baseArchive(
  store: BlobStore,
  tenant: string,
  candidates: readonly string[],
  keys: ArchiveKeys,
  signal: AbortSignal,
  skipped: (archive: string, reason: string) => void,
): Promise<{ archive: string; contents: ArchiveContents } | undefined> {
  for (const archive of candidates) {
    try {
      const contents = await usable(store, { tenant, archive }, keys, signal);
      if (typeof contents !== 'string') return { archive, contents };
      skipped(archive, contents);
    } catch (error) {
      if (!(error instanceof FermataError)) throw error;
      skipped(archive, reasonOf(error));
    }
  }
  return undefined;
}

/** Its contents, or why it is not used. */
async function usable(
  store: BlobStore,
  name: ArchiveName,
  keys: ArchiveKeys,
  signal: AbortSignal,
): Promise<ArchiveContents | string> {
  const manifest = await storedManifest(store, name, keys, signal);
  if (manifest === undefined) return 'it is not in the store';
  const isEncrypted = manifest.header.encryption !== 'none';
  if (isEncrypted !== keys.recipients.length > 0) return 'it is encrypted otherwise';
  if (isEncrypted) {
    const keyFile = await storedKeyFile(store, name, signal);
    const known = new Set(keyFile === undefined ? [] : recipientIds(name.archive, keyFile));
    const added = keys.recipients.filter(({ keyId }) => !known.has(keyId));
    if (added.length > 0) return `it is not for ${added.map(({ keyId }) => keyId).join(', ')}`;
  }
  const contents = await storedContents(store, name, manifest, keys, signal);
  if (contents.generation + 1 >= MAX_GENERATION) return `it is generation ${contents.generation} already`;
  return contents;
}
