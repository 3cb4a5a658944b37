import { join } from 'node:path';
import { diskFiles } from '../disk-files.ts';
import { type DumpStatistics, readDumpStatistics, STATISTICS_FILE } from '../dump-statistics.ts';
import { incomplete } from '../errors.ts';
import { type Fields, imageFields } from './image-files.ts';
import { type Mapping, mappings, pageRuns, readMemory } from './memory-map.ts';
import { type OpenFile, openFiles, pathOf } from './open-files.ts';

/** Longer command lines are cut. */
const COMMAND_LINE_MAX_BYTES = 4096;

export interface InspectedProcess {
  pid: number;
  parent: number;
  /** `comm`, as the kernel knows it. */
  name: string;
  executable: string;
  /** Empty when the dump does not say. */
  workingDirectory: string;
  root: string;
  /** Empty when its pages were not saved. */
  commandLine: string[];
  threads: number;
  openFiles: OpenFile[];
  memory: Mapping[];
}

export interface Mount {
  mountPoint: string;
  source: string;
  root: string;
}

export interface InspectedContainer {
  processes: InspectedProcess[];
  mounts: Mount[];
  /** CRIU's own; absent where the archive has none. */
  statistics?: DumpStatistics;
}

/**
 * What CRIU's images tell of a container (images/*.proto of CRIU 4). `folder`: the container's, with `checkpoint/` in it. Throws
 * FermataError `CheckpointIncomplete`, `CheckpointCorrupt`.
 */
export async function inspectContainer(folder: string): Promise<InspectedContainer> {
  const images = join(folder, 'checkpoint');
  const files = new Map<number, Fields>();
  for (const file of await imageFields(images, 'files.img', 'files')) files.set(file.number(2) ?? -1, file);
  const processes: InspectedProcess[] = [];
  for (const entry of await imageFields(images, 'pstree.img', 'pstree')) {
    processes.push(await inspectProcess(images, entry, files));
  }
  const hasStatistics = ((await diskFiles.list(folder)) ?? []).some(({ path }) => path === STATISTICS_FILE);
  return {
    processes,
    mounts: await mounts(images),
    ...(hasStatistics ? { statistics: await readDumpStatistics(folder) } : {}),
  };
}

async function inspectProcess(
  images: string,
  entry: Fields,
  files: ReadonlyMap<number, Fields>,
): Promise<InspectedProcess> {
  const pid = entry.number(1) ?? 0;
  const [core] = await imageFields(images, `core-${pid}.img`, 'core');
  const [mm] = await imageFields(images, `mm-${pid}.img`, 'mm');
  const [ids] = await imageFields(images, `ids-${pid}.img`, 'ids');
  const filesId = core?.message(4)?.number(2) ?? ids?.number(2);
  const descriptors = filesId === undefined ? [] : await imageFields(images, `fdinfo-${filesId}.img`, 'fdinfo');
  const map = await imageFields(images, `pagemap-${pid}.img`, 'pagemap');
  const [fs] = await imageFields(images, `fs-${pid}.img`, 'fs');
  try {
    const pages = map.length === 0 ? undefined : pageRuns(map);
    const start = mm?.number(8) ?? 0;
    const length = Math.min(COMMAND_LINE_MAX_BYTES, (mm?.number(9) ?? start) - start);
    const commandLine = pages === undefined ? Buffer.alloc(0) : await readMemory(images, pages, start, length);
    return {
      pid,
      parent: entry.number(2) ?? 0,
      name: core?.message(3)?.text(6) ?? '',
      executable: pathOf(files.get(mm?.number(12) ?? -1)) ?? '',
      workingDirectory: pathOf(files.get(fs?.number(1) ?? -1)) ?? '',
      root: pathOf(files.get(fs?.number(2) ?? -1)) ?? '',
      commandLine: commandLine
        .toString('utf8')
        .split('\0')
        .filter((part) => part !== ''),
      threads: entry.numbers(5).length,
      openFiles: openFiles(files, descriptors),
      memory: mm === undefined ? [] : mappings(mm, pages?.runs ?? [], files),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw incomplete(images, `of process ${pid}: ${error.message}`, error);
  }
}

async function mounts(images: string): Promise<Mount[]> {
  const found: Mount[] = [];
  for (const { path } of (await diskFiles.list(images)) ?? []) {
    if (!/^mountpoints-\d+\.img$/.test(path)) continue;
    for (const entry of await imageFields(images, path, 'mountpoints')) {
      found.push({ mountPoint: entry.text(7) ?? '', source: entry.text(8) ?? '', root: entry.text(6) ?? '' });
    }
  }
  return found.sort((one, other) => (one.mountPoint < other.mountPoint ? -1 : 1));
}
