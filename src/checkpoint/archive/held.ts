import type { BlobStore } from '../stores/blob-store.ts';
import type { ArchiveKeys } from './archive-keys.ts';
import { type ArchiveName, segmentKey } from './names.ts';
import { storedKeyFile, storedManifest } from './stored-manifest.ts';

/**
 * Whether the archive is in the store as it was stored: the signed manifest of that digest, its key file, each segment with its length.
 * Segments are not read. Throws what the store throws, and FermataError `ArchiveCorrupt`.
 */
export async function isHeld(
  store: BlobStore,
  keys: Pick<ArchiveKeys, 'trustedSigners'>,
  name: ArchiveName & { digest: string },
  signal: AbortSignal,
): Promise<boolean> {
  const manifest = await storedManifest(store, name, keys, signal);
  if (manifest?.digest !== name.digest) return false;
  const { encryption, segments } = manifest.header;
  if (encryption !== 'none' && (await storedKeyFile(store, name, signal)) === undefined) return false;
  for (const segment of segments) {
    if ((await store.head(segmentKey(name.tenant, segment.name), signal))?.size !== segment.sizeBytes) return false;
  }
  return true;
}
