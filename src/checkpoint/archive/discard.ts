import { readManifestHeader } from '../garbage/inventory.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import { claimedSegments, isStored } from './claim.ts';
import { type ArchiveName, checkName, claimKey, dataKeyKey, manifestKey, segmentKey, segmentPrefix } from './names.ts';

/**
 * Gives an upload up that has not come to its end: nothing of it stays in the store. An archive that is whole is left as it is. May be
 * called for one that was whole once: segments that others took up from it meanwhile stay.
 */
export async function discardUpload(store: BlobStore, name: ArchiveName, signal: AbortSignal): Promise<void> {
  checkName(name);
  if (!(await isStored(store, name, signal))) {
    await store.delete(dataKeyKey(name), signal);
    const own: string[] = [];
    for await (const { key } of store.list(segmentPrefix(name), signal)) own.push(key);
    const others = own.length === 0 ? undefined : await segmentsOfOthers(store, name, signal);
    for (const key of own) if (others?.has(key) === false) await store.delete(key, signal);
  }
  await store.delete(claimKey(name), signal);
}

/** The archive is there no more from the first moment on; its segments go when garbage is collected, unless another one needs them. */
export async function removeArchive(store: BlobStore, name: ArchiveName, signal: AbortSignal): Promise<void> {
  checkName(name);
  await store.delete(manifestKey(name), signal);
  await store.delete(dataKeyKey(name), signal);
}

/** Keys of segments that other archives or uploads of the tenant refer to; undefined: not all of those can be read. */
async function segmentsOfOthers(
  store: BlobStore,
  { tenant, archive }: ArchiveName,
  signal: AbortSignal,
): Promise<ReadonlySet<string> | undefined> {
  const segments = new Set<string>();
  try {
    // Claims first: an upload that ends in between shows as a manifest.
    for (const prefix of [`${tenant}/claims/`, `${tenant}/archives/`]) {
      for await (const { key } of store.list(prefix, signal)) {
        const other = /^([^/]+)(?:\/manifest)?$/.exec(key.slice(prefix.length))?.[1];
        if (other === undefined || other === archive) continue;
        const found = prefix.endsWith('/claims/')
          ? await claimedSegments(store, { tenant, archive: other }, signal)
          : ((await readManifestHeader(store, { tenant, archive: other }, signal))?.segments ?? []).map(
              ({ name }) => name,
            );
        for (const name of found) segments.add(segmentKey(tenant, name));
      }
    }
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return segments;
}
