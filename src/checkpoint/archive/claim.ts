import type { BlobStore } from '../stores/blob-store.ts';
import { readBlob } from './blobs.ts';
import { type ArchiveName, claimKey, isSegmentName, manifestKey } from './names.ts';

const CLAIM_MAX_BYTES = 64 * 1024 * 1024;

/**
 * Says in the store that an upload is under way: the segments it writes belong to no manifest yet, and it relies on those of the
 * archive it is based on. Whoever collects garbage keeps both (see docs/security.md for the order in which that is safe).
 */
export async function putClaim(
  store: BlobStore,
  name: ArchiveName,
  segments: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await store.put(claimKey(name), Buffer.from(JSON.stringify({ archive: name.archive, segments })), { signal });
}

/** The segments a claim names; a claim that cannot be read keeps nothing but those of its own archive. */
export async function claimedSegments(store: BlobStore, name: ArchiveName, signal: AbortSignal): Promise<string[]> {
  const blob = await readBlob(store, claimKey(name), CLAIM_MAX_BYTES, signal);
  if (blob === undefined) return [];
  const { segments } = JSON.parse(blob.toString()) as { segments?: unknown };
  return Array.isArray(segments) ? segments.filter(isSegmentName) : [];
}

/** Whether the archive is still there, looked at after the claim on its segments was made. */
export async function isStored(store: BlobStore, name: ArchiveName, signal: AbortSignal): Promise<boolean> {
  return (await store.head(manifestKey(name), signal)) !== undefined;
}
