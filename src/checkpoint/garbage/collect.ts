import { reasonOf } from '../../model/index.ts';
import { claimedSegments } from '../archive/claim.ts';
import type { BlobStore, Sweepable } from '../stores/blob-store.ts';
import { isBlobNotFound } from '../stores/errors.ts';
import { inventoryOf, readManifestHeader, type TenantInventory } from './inventory.ts';
import { DEFAULT_GARBAGE_GRACES, type Garbage, type GarbageGraces, garbageOf } from './mark.ts';

/** Key → when it was first found to be garbage. No tenant's name has a dot. */
const CONDEMNED = 'gc.condemned';
/** Asks the store what time it is. */
const PROBE = 'gc.probe';

export interface CollectOptions {
  signal: AbortSignal;
  graces?: GarbageGraces;
  /** Nothing is removed, and nothing is written but a probe of the store's clock. */
  dryRun?: boolean;
}

export interface CollectReport {
  /** What went, or with `dryRun` would go now. */
  removed: Garbage[];
  /** What is garbage since too short a time, and goes when that is still so. */
  waiting: Garbage[];
  /** Bytes of what went, seen to be gone; with leftovers that are no blobs. */
  freedBytes: number;
  /** Tenants of which nothing is removed, since a manifest of theirs cannot be read: what it refers to is not known. */
  skipped: { tenant: string; why: string }[];
}

/**
 * Finds and removes what no archive and no upload needs, safe beside uploads that begin, run and end meanwhile, and beside removals of
 * archives. Why: an upload claims the segments of the archive it is based on, and only then looks whether that archive is still
 * there. So a segment nobody refers to can be taken up again only in the instant in which an archive that has it is removed, and whoever
 * did so shows in the store. Therefore what is found goes only when it was found before, a grace ago, and is found once more.
 *
 * An error of the store ends it before anything else is removed. Throws what the store throws.
 */
export async function collectGarbage(
  store: BlobStore & Partial<Sweepable>,
  options: CollectOptions,
): Promise<CollectReport> {
  const { signal, graces = DEFAULT_GARBAGE_GRACES, dryRun = false } = options;
  const now = await storeTime(store, signal);
  const first = await mark(store, now, graces, signal);
  const before = await condemned(store, signal);
  const isDue = ({ key }: Garbage): boolean => now - (before.get(key) ?? now) >= graces.youngMilliseconds;
  const waiting = first.garbage.filter((garbage) => !isDue(garbage));
  const report: CollectReport = { removed: [], waiting, freedBytes: 0, skipped: first.skipped };
  if (dryRun) return { ...report, removed: first.garbage.filter(isDue) };
  // Written before the second look: a later run counts from here, though this one is killed.
  const noted = new Map(first.garbage.map(({ key }) => [key, before.get(key) ?? now]));
  await store.put(CONDEMNED, Buffer.from(JSON.stringify(Object.fromEntries(noted))), { signal });
  const due = new Set(first.garbage.filter(isDue).map(({ key }) => key));
  if (due.size > 0) {
    const second = await mark(store, now, graces, signal);
    report.skipped = second.skipped;
    for (const garbage of second.garbage) {
      if (!due.has(garbage.key)) continue;
      signal.throwIfAborted();
      await store.delete(garbage.key, signal);
      if ((await store.head(garbage.key, signal)) === undefined) report.freedBytes += garbage.size;
      report.removed.push(garbage);
    }
  }
  report.freedBytes += (await store.sweep?.(graces.abandonedMilliseconds, signal)) ?? 0;
  return report;
}

async function mark(
  store: BlobStore,
  now: number,
  graces: GarbageGraces,
  signal: AbortSignal,
): Promise<{ garbage: Garbage[]; skipped: CollectReport['skipped'] }> {
  const garbage: Garbage[] = [];
  const skipped: CollectReport['skipped'] = [];
  // Segments, then claims, then manifests: an upload that ended in between shows as a manifest.
  const listed = await inventoryOf(store, signal);
  for (const inventory of listed.values()) {
    const { tenant } = inventory;
    const claimed = new Map<string, string[]>();
    for await (const { key, size, modified } of store.list(`${tenant}/claims/`, signal)) {
      const archive = key.split('/').at(-1) ?? '';
      inventory.claims.set(archive, { key, size, modified });
      claimed.set(archive, await claimedSegments(store, { tenant, archive }, signal));
    }
    try {
      const referenced = await referencedBy(store, inventory, signal);
      garbage.push(...garbageOf(inventory, referenced, claimed, now, graces));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      skipped.push({ tenant, why: reasonOf(error) });
    }
  }
  return { garbage, skipped };
}

async function referencedBy(
  store: BlobStore,
  inventory: TenantInventory,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const { tenant, manifests } = inventory;
  const referenced = new Set<string>();
  for await (const { key, size, modified } of store.list(`${tenant}/archives/`, signal)) {
    const archive = /^[^/]+\/archives\/([^/]+)\/manifest$/.exec(key)?.[1];
    if (archive !== undefined) manifests.set(archive, { key, size, modified });
  }
  for (const archive of manifests.keys()) {
    try {
      const header = await readManifestHeader(store, { tenant, archive }, signal);
      for (const { name } of header?.segments ?? []) referenced.add(name);
    } catch (error) {
      if (isBlobNotFound(error)) continue; // removed meanwhile
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`the manifest of archive ${archive}: ${error.message}`, { cause: error });
    }
  }
  return referenced;
}

async function condemned(store: BlobStore, signal: AbortSignal): Promise<Map<string, number>> {
  if ((await store.head(CONDEMNED, signal)) === undefined) return new Map();
  const pieces: Uint8Array[] = [];
  for await (const piece of store.get(CONDEMNED, { signal })) pieces.push(piece);
  const value: unknown = JSON.parse(Buffer.concat(pieces).toString('utf8'));
  if (typeof value !== 'object' || value === null) return new Map();
  return new Map(Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
}

/** What is old is old by the clock that wrote `modified`. */
async function storeTime(store: BlobStore, signal: AbortSignal): Promise<number> {
  await store.put(PROBE, new Uint8Array([1]), { signal });
  const now = (await store.head(PROBE, signal))?.modified ?? 0;
  await store.delete(PROBE, signal);
  return now;
}
