import type { ListedBlob, TenantInventory } from './inventory.ts';

export interface GarbageGraces {
  /** What was written later than this is never garbage, and what is garbage stays so long before it goes. Default 1 h. */
  youngMilliseconds: number;
  /** An upload that has sent nothing for so long is given up: a node that is away for a night goes on in the morning. Default 24 h. */
  abandonedMilliseconds: number;
}

export const DEFAULT_GARBAGE_GRACES: GarbageGraces = {
  youngMilliseconds: 60 * 60_000,
  abandonedMilliseconds: 24 * 60 * 60_000,
};

export interface Garbage extends ListedBlob {
  /** `Unreferenced`: a segment that no archive and no upload refers to; `Abandoned`: of an upload that nobody goes on with. */
  why: 'Unreferenced' | 'Abandoned';
}

/**
 * Pure: what of a tenant nothing needs. `referenced`: segments that manifests name; `claimed`: by upload, the segments of older
 * archives it relies on. An upload that was heard of lately keeps those and all of its own.
 */
export function garbageOf(
  inventory: TenantInventory,
  referenced: ReadonlySet<string>,
  claimed: ReadonlyMap<string, readonly string[]>,
  now: number,
  graces: GarbageGraces = DEFAULT_GARBAGE_GRACES,
): Garbage[] {
  const { manifests, keys, claims, segments } = inventory;
  const lastHeard = new Map([...claims].map(([archive, { modified }]) => [archive, modified]));
  for (const [name, { modified }] of segments) {
    const writer = writerOf(name);
    const before = lastHeard.get(writer);
    if (before !== undefined) lastHeard.set(writer, Math.max(before, modified));
  }
  const alive = new Set(
    [...lastHeard].filter(([, heard]) => now - heard < graces.abandonedMilliseconds).map(([archive]) => archive),
  );
  const kept = new Set(referenced);
  for (const archive of alive) for (const name of claimed.get(archive) ?? []) kept.add(name);

  const garbage: Garbage[] = [];
  const goes = (blob: ListedBlob, why: Garbage['why']): void => {
    if (now - blob.modified >= graces.youngMilliseconds) garbage.push({ ...blob, why });
  };
  for (const [name, blob] of segments) {
    const writer = writerOf(name);
    if (kept.has(name) || alive.has(writer)) continue;
    goes(blob, manifests.has(writer) || !claims.has(writer) ? 'Unreferenced' : 'Abandoned');
  }
  for (const [archive, blob] of keys) {
    if (!manifests.has(archive) && !alive.has(archive)) goes(blob, 'Abandoned');
  }
  for (const [archive, blob] of claims) if (!alive.has(archive)) goes(blob, 'Abandoned');
  return garbage;
}

/** The archive whose upload wrote the segment. */
function writerOf(segment: string): string {
  return segment.split('/')[0] ?? '';
}
