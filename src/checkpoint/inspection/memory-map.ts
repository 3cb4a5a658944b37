import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fields } from './image-files.ts';
import { pathOf } from './open-files.ts';

const PAGE = 4096;
/** Flag of `pagemap_entry`: the pages are in this image's pages file. */
const PRESENT = 4;

/** A run of pages that lie one after the other in a pages file. */
export interface PageRun {
  address: number;
  pages: number;
  /** In the pages file. */
  offset: number;
}

export interface Mapping {
  start: string;
  end: string;
  /** `rwx` as in /proc/PID/maps, and `p`rivate or `s`hared. */
  access: string;
  /** A path, `[heap]`, `[stack]`, `[vdso]`, `[anon]` … */
  name: string;
  sizeBytes: number;
  /** What of it is in the checkpoint. */
  savedBytes: number;
}

/** Bits of `vma_entry.status` (criu/include/image.h). */
const STATUS = { vsyscall: 1 << 2, vdso: 1 << 3, heap: 1 << 5, vvar: 1 << 12 };
const FILE_BACKED = (1 << 6) | (1 << 7);
const MAP_SHARED = 1;

/** Number of the pages file, and its runs by address. Throws RangeError. */
export function pageRuns(pagemap: readonly Fields[]): { pagesId: number; runs: PageRun[] } {
  const [head, ...entries] = pagemap;
  const pagesId = head?.number(1);
  if (pagesId === undefined) throw new RangeError('a memory map names no pages file');
  const runs: PageRun[] = [];
  let offset = 0;
  for (const entry of entries) {
    const pages = entry.number(5) ?? entry.number(2) ?? 0;
    const flags = entry.number(4) ?? (entry.number(3) === 1 ? 0 : PRESENT);
    if ((flags & PRESENT) === 0) continue;
    runs.push({ address: entry.number(1) ?? 0, pages, offset });
    offset += pages * PAGE;
  }
  return { pagesId, runs };
}

/** `mm`: of `mm-PID.img`; `files`: of `files.img`, by id. */
export function mappings(mm: Fields, runs: readonly PageRun[], files: ReadonlyMap<number, Fields>): Mapping[] {
  const stack = mm.number(5) ?? 0;
  const sorted = [...runs].sort((one, other) => one.address - other.address);
  return mm.messages(14).map((area) => {
    const [start, end] = [area.number(1) ?? 0, area.number(2) ?? 0];
    const saved = savedWithin(sorted, start, end);
    const protection = area.number(5) ?? 0;
    const shared = ((area.number(6) ?? 0) & MAP_SHARED) !== 0;
    return {
      start: start.toString(16),
      end: end.toString(16),
      access: `${protection & 1 ? 'r' : '-'}${protection & 2 ? 'w' : '-'}${protection & 4 ? 'x' : '-'}${shared ? 's' : 'p'}`,
      name: stack >= start && stack < end ? '[stack]' : nameOf(area, files),
      sizeBytes: end - start,
      savedBytes: saved,
    };
  });
}

/** Bytes of the runs, which are sorted and do not overlap, between two addresses: a large process has a hundred thousand of them. */
function savedWithin(runs: readonly PageRun[], start: number, end: number): number {
  let [first, behind] = [0, runs.length];
  while (first < behind) {
    const middle = (first + behind) >> 1;
    const run = runs[middle];
    if (run !== undefined && run.address + run.pages * PAGE <= start) first = middle + 1;
    else behind = middle;
  }
  let bytes = 0;
  for (let at = first; at < runs.length; at++) {
    const run = runs[at];
    if (run === undefined || run.address >= end) break;
    bytes += Math.min(end, run.address + run.pages * PAGE) - Math.max(start, run.address);
  }
  return bytes;
}

function nameOf(area: Fields, files: ReadonlyMap<number, Fields>): string {
  const status = area.number(7) ?? 0;
  for (const [name, bit] of Object.entries(STATUS)) if ((status & bit) !== 0) return `[${name}]`;
  if ((status & FILE_BACKED) !== 0) return pathOf(files.get(area.number(4) ?? -1)) ?? '[file]';
  return '[anon]';
}

/** Bytes of the process's memory, as far as they were saved: an end of a page that was not is where they end. */
export async function readMemory(
  folder: string,
  { pagesId, runs }: ReturnType<typeof pageRuns>,
  start: number,
  length: number,
): Promise<Buffer> {
  const handle = await open(join(folder, `pages-${pagesId}.img`)).catch(unlessMissing);
  if (handle === undefined) return Buffer.alloc(0);
  const pieces: Buffer[] = [];
  try {
    for (let at = start; at < start + length; ) {
      const run = runs.find(({ address, pages }) => at >= address && at < address + pages * PAGE);
      if (run === undefined) break;
      const wanted = Math.min(start + length, run.address + run.pages * PAGE) - at;
      const piece = Buffer.alloc(wanted);
      const { bytesRead } = await handle.read(piece, 0, wanted, run.offset + at - run.address);
      pieces.push(piece.subarray(0, bytesRead));
      if (bytesRead < wanted) break;
      at += wanted;
    }
  } finally {
    await handle.close();
  }
  return Buffer.concat(pieces);
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
