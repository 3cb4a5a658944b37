import type { BlobStore } from '../stores/blob-store.ts';
import { isStored } from './claim.ts';
import { type ArchiveName, checkName, claimKey, dataKeyKey, manifestKey, segmentPrefix } from './names.ts';

/**
 * Gives an upload up that has not come to its end: nothing of it stays in the store. An archive that is whole is left as it is: its
 * segments may be others' by now.
 */
export async function discardUpload(store: BlobStore, name: ArchiveName, signal: AbortSignal): Promise<void> {
  checkName(name);
  if (!(await isStored(store, name, signal))) {
    await store.delete(dataKeyKey(name), signal);
    for await (const { key } of store.list(segmentPrefix(name), signal)) await store.delete(key, signal);
  }
  await store.delete(claimKey(name), signal);
}

/** The archive is there no more from the first moment on; its segments go when garbage is collected, unless another one needs them. */
export async function removeArchive(store: BlobStore, name: ArchiveName, signal: AbortSignal): Promise<void> {
  checkName(name);
  await store.delete(manifestKey(name), signal);
  await store.delete(dataKeyKey(name), signal);
}
