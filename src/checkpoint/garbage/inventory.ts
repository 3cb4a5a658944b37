import { decodeHeader, headerBytes, type ManifestHeader } from '../archive/manifest-header.ts';
import { type ArchiveName, manifestKey } from '../archive/names.ts';
import type { BlobStore } from '../stores/blob-store.ts';

/** Begin of a manifest that tells how long its header is. */
const BEGIN_BYTES = 12;

export interface ListedBlob {
  key: string;
  size: number;
  /** By the store's clock, in ms since the epoch. */
  modified: number;
}

/** What a store holds of one tenant. */
export interface TenantInventory {
  tenant: string;
  /** Archive → its manifest. */
  manifests: Map<string, ListedBlob>;
  /** Archive → its wrapped data key. */
  keys: Map<string, ListedBlob>;
  /** Archive → says that its upload is under way. */
  claims: Map<string, ListedBlob>;
  /** Name → segment. */
  segments: Map<string, ListedBlob>;
}

/** Everything of archives in the store, by one listing. Blobs of others are passed over. */
export async function inventoryOf(store: BlobStore, signal: AbortSignal): Promise<Map<string, TenantInventory>> {
  const tenants = new Map<string, TenantInventory>();
  for await (const blob of store.list('', signal)) {
    const [tenant = '', kind = '', ...rest] = blob.key.split('/');
    const name = rest.join('/');
    const found = tenants.get(tenant) ?? emptyInventory(tenant);
    if (kind === 'archives' && rest.length === 2 && rest[1] === 'manifest') found.manifests.set(rest[0] ?? '', blob);
    else if (kind === 'archives' && rest.length === 2 && rest[1] === 'key.age') found.keys.set(rest[0] ?? '', blob);
    else if (kind === 'claims' && rest.length === 1) found.claims.set(name, blob);
    else if (kind === 'segments' && rest.length === 2) found.segments.set(name, blob);
    else continue;
    tenants.set(tenant, found);
  }
  return tenants;
}

export function emptyInventory(tenant: string): TenantInventory {
  return { tenant, manifests: new Map(), keys: new Map(), claims: new Map(), segments: new Map() };
}

/**
 * What an archive refers to, read without any key and without its contents. Undefined when it is not there (any more). Throws
 * RangeError when it is no manifest.
 */
export async function readManifestHeader(
  store: BlobStore,
  name: ArchiveName,
  signal: AbortSignal,
): Promise<ManifestHeader | undefined> {
  const key = manifestKey(name);
  if ((await store.head(key, signal)) === undefined) return undefined;
  const begin = await range(store, key, 0, BEGIN_BYTES, signal);
  return decodeHeader(await range(store, key, 0, headerBytes(begin), signal));
}

async function range(
  store: BlobStore,
  key: string,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.get(key, { start, end, signal })) pieces.push(piece);
  return Buffer.concat(pieces);
}
