import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { incomplete } from '../errors.ts';
import { imageFields } from './image-files.ts';
import { inspectContainer } from './inspect-container.ts';
import { type PageRun, pageRuns } from './memory-map.ts';

const PAGE = 4096;
/** Compared at once. */
const BATCH_PAGES = 256;

export interface PageDifference {
  pid: number;
  samePages: number;
  changedPages: number;
  /** Only in the second, only in the first. */
  addedPages: number;
  removedPages: number;
}

export interface ContainerDifference {
  /** Of each process that is in either. */
  memory: PageDifference[];
  /** `PID descriptor kind name` of what is open in the second alone, in the first alone. */
  openedFiles: string[];
  closedFiles: string[];
}

/** What changed from one checkpoint of a container to another. Folders as for {@link inspectContainer}. */
export async function diffContainers(first: string, second: string): Promise<ContainerDifference> {
  const [before, after] = await Promise.all([inspectContainer(first), inspectContainer(second)]);
  const files = ({ processes }: typeof before): string[] =>
    processes.flatMap(({ pid, openFiles }) =>
      openFiles.map(({ descriptor, kind, name }) => `${pid} ${descriptor} ${kind} ${name.replace(/\[\d+\]$/, '')}`),
    );
  const [filesBefore, filesAfter] = [new Set(files(before)), new Set(files(after))];
  const pids = [...new Set([...before.processes, ...after.processes].map(({ pid }) => pid))].sort((a, b) => a - b);
  const memory: PageDifference[] = [];
  for (const pid of pids) memory.push(await diffPages(join(first, 'checkpoint'), join(second, 'checkpoint'), pid));
  return {
    memory,
    openedFiles: [...filesAfter].filter((file) => !filesBefore.has(file)),
    closedFiles: [...filesBefore].filter((file) => !filesAfter.has(file)),
  };
}

async function diffPages(first: string, second: string, pid: number): Promise<PageDifference> {
  const [before, after] = [await pagesOf(first, pid), await pagesOf(second, pid)];
  const result: PageDifference = { pid, samePages: 0, changedPages: 0, addedPages: 0, removedPages: 0 };
  try {
    for (const [run, other] of overlaps(before.runs, after.runs)) {
      for (let page = 0; page < run.pages; page += BATCH_PAGES) {
        const bytes = Math.min(BATCH_PAGES, run.pages - page) * PAGE;
        const one = await before.read(run.offset + page * PAGE, bytes);
        const two = await after.read(other.offset + page * PAGE, bytes);
        for (let at = 0; at < bytes; at += PAGE) {
          const same = one.compare(two, at, at + PAGE, at, at + PAGE) === 0;
          if (same) result.samePages++;
          else result.changedPages++;
        }
      }
    }
  } finally {
    await before.close();
    await after.close();
  }
  const total = (runs: readonly PageRun[]): number => runs.reduce((sum, { pages }) => sum + pages, 0);
  const common = result.samePages + result.changedPages;
  result.addedPages = total(after.runs) - common;
  result.removedPages = total(before.runs) - common;
  return result;
}

/** Where both have pages: the same addresses, with each one's offset. Runs are sorted by address, as CRIU writes them. */
export function* overlaps(one: readonly PageRun[], other: readonly PageRun[]): Generator<[PageRun, PageRun], void> {
  for (let left = 0, right = 0; ; ) {
    const [a, b] = [one[left], other[right]];
    if (a === undefined || b === undefined) return;
    const [endOfA, endOfB] = [a.address + a.pages * PAGE, b.address + b.pages * PAGE];
    const start = Math.max(a.address, b.address);
    const end = Math.min(endOfA, endOfB);
    if (start < end) {
      const part = (run: PageRun): PageRun => ({
        address: start,
        pages: (end - start) / PAGE,
        offset: run.offset + start - run.address,
      });
      yield [part(a), part(b)];
    }
    if (endOfA <= endOfB) left++;
    else right++;
  }
}

async function pagesOf(
  images: string,
  pid: number,
): Promise<{ runs: PageRun[]; read: (offset: number, length: number) => Promise<Buffer>; close: () => Promise<void> }> {
  const map = await imageFields(images, `pagemap-${pid}.img`, 'pagemap');
  if (map.length < 2) return { runs: [], read: async () => Buffer.alloc(0), close: async () => undefined };
  const { pagesId, runs } = pageRuns(map);
  const name = `pages-${pagesId}.img`;
  const handle: FileHandle = await open(join(images, name)).catch((error: unknown) => {
    throw incomplete(images, `${name} cannot be read`, error);
  });
  const read = async (offset: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    if (bytesRead < length) throw incomplete(images, `${name} ends before the memory map does`);
    return bytes;
  };
  return { runs, read, close: () => handle.close() };
}
