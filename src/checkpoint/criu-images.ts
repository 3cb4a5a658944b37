import type { CheckpointEntry, CheckpointFiles } from './checkpoint-files.ts';
import { type ImageKind, imageEntries } from './criu-image.ts';
import { diskFiles } from './disk-files.ts';
import { incomplete, missing } from './errors.ts';
import { numbersOf } from './protobuf-reader.ts';

const INVENTORY = 'inventory.img';
const PSTREE = 'pstree.img';
/** A pagemap has about 12 bytes an entry, and an entry for each run of pages: a terabyte in single pages fits. */
const IMAGE_MAX_BYTES = 4 * 1024 * 1024 * 1024;
/** Linux knows these (x86-64 and most arm64; arm64 with larger pages). */
const PAGE_SIZES = [4096, 16_384, 65_536];
/** Flags of `pagemap_entry` (images/pagemap.proto): the pages are in a parent image, are in this image's pages file. */
const IN_PARENT = 1;
const PRESENT = 4;

export interface DumpOptions {
  signal?: AbortSignal;
  /** Default: this machine's disk. */
  files?: CheckpointFiles;
}

/**
 * Examines a fresh dump before it is sealed: digests would only prove that a dump cut in half is still cut in half. Each
 * container must have its folder, and in it, or below it, CRIU's images whole: see {@link verifyCriuImages}.
 * `containers`: those that were dumped. Throws FermataError `CheckpointIncomplete`.
 */
export async function verifyDump(
  directory: string,
  containers: readonly string[],
  options: DumpOptions = {},
): Promise<void> {
  const entries = await (options.files ?? diskFiles).list(directory);
  if (entries === undefined) throw incomplete(directory, 'there is no such directory');
  for (const container of containers) {
    const folders = entries.flatMap(({ path }) =>
      path.startsWith(`${container}/`) && path.endsWith(`/${INVENTORY}`) ? [path.slice(0, -INVENTORY.length - 1)] : [],
    );
    if (folders.length === 0) throw incomplete(directory, `container ${container} has no CRIU image (${INVENTORY})`);
    for (const folder of folders) await verifyImages(directory, folder, entries, options);
  }
}

/**
 * Whether a folder holds a whole dump: inventory and process tree, for each task its core and the map of its memory, each
 * pages file as long as its map says, and no image cut. Throws FermataError `CheckpointIncomplete` naming the file.
 */
export async function verifyCriuImages(directory: string, options: DumpOptions = {}): Promise<void> {
  const entries = await (options.files ?? diskFiles).list(directory);
  if (entries === undefined) throw incomplete(directory, 'there is no such directory');
  await verifyImages(directory, '', entries, options);
}

async function verifyImages(
  directory: string,
  folder: string,
  entries: readonly CheckpointEntry[],
  options: DumpOptions,
): Promise<void> {
  const files = options.files ?? diskFiles;
  const prefix = folder === '' ? '' : `${folder}/`;
  const sizes = new Map<string, number>();
  for (const { path, kind, sizeBytes } of entries) {
    const name = path.slice(prefix.length);
    if (kind === 'file' && path.startsWith(prefix) && !name.includes('/')) sizes.set(name, sizeBytes);
  }
  const read = async (name: string, kind: ImageKind): Promise<Uint8Array[]> => {
    options.signal?.throwIfAborted();
    if (!sizes.has(name)) throw missing(directory, `${prefix}${name}`);
    const bytes = await files.read(directory, `${prefix}${name}`, IMAGE_MAX_BYTES);
    return named(directory, `${prefix}${name}`, () => imageEntries(bytes, kind));
  };

  const [inventory] = await read(INVENTORY, 'inventory');
  if (inventory === undefined) throw incomplete(directory, `${prefix}${INVENTORY} is empty`);
  const tasks = await read(PSTREE, 'pstree');
  if (tasks.length === 0) throw incomplete(directory, `${prefix}${PSTREE} names no process`);
  for (const task of tasks) {
    const ids = named(directory, `${prefix}${PSTREE}`, () => [...numbersOf(task, 1), ...numbersOf(task, 5)]);
    for (const id of new Set(ids)) {
      const core = await read(`core-${id}.img`, 'core');
      if (core.length === 0) throw incomplete(directory, `${prefix}core-${id}.img is empty`);
    }
  }
  for (const name of sizes.keys()) {
    const task = /^mm-(\d+)\.img$/.exec(name)?.[1];
    if (task === undefined) continue;
    await read(name, 'mm');
    if (!sizes.has(`pagemap-${task}.img`)) throw missing(directory, `${prefix}pagemap-${task}.img`);
  }
  for (const name of sizes.keys()) {
    if (!/^pagemap-.*\.img$/.test(name)) continue;
    const map = await read(name, 'pagemap');
    const { pagesId, pages } = named(directory, `${prefix}${name}`, () => pagesOf(map));
    checkPages(directory, `${prefix}pages-${pagesId}.img`, pages, sizes.get(`pages-${pagesId}.img`));
  }
}

/** The number of the pages file, and how many pages of this map are in it. */
function pagesOf(map: readonly Uint8Array[]): { pagesId: number; pages: number } {
  const [head, ...entries] = map;
  const pagesId = head === undefined ? undefined : numbersOf(head, 1)[0];
  if (pagesId === undefined) throw new RangeError('it names no pages file');
  let pages = 0;
  for (const entry of entries) {
    const inParent = numbersOf(entry, 3)[0] ?? 0;
    const flags = numbersOf(entry, 4)[0] ?? (inParent === 1 ? IN_PARENT : PRESENT);
    // Field 5 took the place of the 32-bit field 2 in CRIU 4.
    if ((flags & PRESENT) !== 0) pages += numbersOf(entry, 5)[0] ?? numbersOf(entry, 2)[0] ?? 0;
  }
  return { pagesId, pages };
}

function checkPages(directory: string, path: string, pages: number, sizeBytes: number | undefined): void {
  if (pages === 0 && (sizeBytes === undefined || sizeBytes === 0)) return;
  if (sizeBytes === undefined) throw missing(directory, path);
  if (PAGE_SIZES.some((pageSize) => pages * pageSize === sizeBytes)) return;
  throw incomplete(directory, `${path} has ${sizeBytes} bytes, while the memory map names ${pages} pages`);
}

/** Runs a parser and says of which file its complaint is. */
function named<T>(directory: string, path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw incomplete(directory, `${path}: ${error.message}`, error);
  }
}
