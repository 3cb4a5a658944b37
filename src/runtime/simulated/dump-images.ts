import { hash } from 'node:crypto';
import type { CheckpointFiles } from '../../checkpoint/index.ts';
import { FermataError, reasonOf } from '../../model/index.ts';
import type { ContainerDump } from '../runtime.ts';
import { criuImages } from './criu-writer.ts';
import type { RestoredProcess, SimulatedPod } from './machine.ts';
import { frozenState, historyOf, memoryOfRun } from './run.ts';

/** The process itself, beside the images that CRIU would have written. */
const PROCESS_FILE = 'process.json';
const PROCESS_MAX_BYTES = 1024 * 1024;
/** Written last: without it the dump is not complete. */
const POD_FILE = 'pod.json';
const PAGE_BYTES = 4096;

interface ProcessImage extends RestoredProcess {
  /** SHA-256 of the pages, hex: CRIU does not look, the simulated process would crash. */
  pages: string;
}

interface PodImage {
  uid: string;
  containers: string[];
}

/**
 * Writes the checkpoint of a frozen pod, one subfolder a container. `share` below 1 leaves each file cut to that part, 0
 * nothing at all. `milliseconds`: how long the dump took.
 */
export async function writeDump(
  files: CheckpointFiles,
  directory: string,
  pod: SimulatedPod,
  milliseconds: number,
  share = 1,
): Promise<ContainerDump[]> {
  const write = async (path: string, bytes: Uint8Array): Promise<void> => {
    if (share > 0) await files.write(directory, path, bytes.subarray(0, Math.ceil(bytes.length * share)));
  };
  const dumps: ContainerDump[] = [];
  const dumped: string[] = [];
  for (const container of pod.containers) {
    const { name, image, program, run } = container;
    const stretch = run?.stretches.at(-1);
    if (run === undefined || stretch === undefined || container.init) continue;
    const process: RestoredProcess = {
      container: name,
      program,
      history: [...historyOf(run)],
      ...frozenState(program, stretch),
    };
    let dump: ContainerDump | undefined;
    if (run.ended === undefined) {
      dump = dumpOf(name, image, memoryOfRun(program, run, stretch.endedAt ?? stretch.startedAt), milliseconds);
      dumps.push(dump);
    } else {
      process.ended = { at: run.ended.at, exitCode: run.ended.exitCode };
    }
    for (const [path, bytes] of imagesOf(process, dump)) await write(`${name}/${path}`, bytes);
    dumped.push(name);
  }
  const podImage: PodImage = { uid: pod.uid, containers: dumped };
  await write(POD_FILE, Buffer.from(`${JSON.stringify(podImage)}\n`));
  if (share === 0) await files.remove(directory);
  return dumps;
}

function dumpOf(name: string, image: string, memoryBytes: number, milliseconds: number): ContainerDump {
  return {
    name,
    image,
    sizeBytes: Math.round(memoryBytes),
    freezingMicroseconds: 500,
    frozenMicroseconds: Math.round(milliseconds * 1000),
    memdumpMicroseconds: Math.round(milliseconds * 750),
    memwriteMicroseconds: Math.round(milliseconds * 500),
  };
}

function imagesOf(process: RestoredProcess, dump: ContainerDump | undefined): Map<string, Uint8Array> {
  const pages = pagesOf(process);
  const images = dump === undefined ? new Map<string, Uint8Array>() : criuImages(pages, PAGE_BYTES, statisticsOf(dump));
  const processImage: ProcessImage = { ...process, pages: dump === undefined ? '' : hash('sha256', pages, 'hex') };
  images.set(PROCESS_FILE, Buffer.from(`${JSON.stringify(processImage)}\n`));
  return images;
}

function statisticsOf(dump: ContainerDump) {
  const pages = Math.ceil(dump.sizeBytes / PAGE_BYTES);
  return { ...dump, pagesScanned: pages, pagesSkippedParent: 0, pagesWritten: pages };
}

/** One page standing for the process's memory, different for each process state. */
function pagesOf(process: RestoredProcess): Uint8Array {
  const seed = hash('sha256', JSON.stringify(process), 'buffer');
  const page = Buffer.alloc(PAGE_BYTES);
  for (let offset = 0; offset < PAGE_BYTES; offset += seed.length) seed.copy(page, offset);
  return page;
}

/**
 * Reads a checkpoint back. Throws FermataError `RestoreFailed` when a file is missing, cut or altered, or `containers`
 * (default: whatever is in it) are not all in it.
 */
export async function readDump(
  files: CheckpointFiles,
  directory: string,
  containers?: readonly string[],
): Promise<RestoredProcess[]> {
  const podImage = await readDumpedPod(files, directory);
  if (podImage === undefined) throw restoreFailed(directory, new Error(`${POD_FILE}: it holds no complete dump`));
  const processes: RestoredProcess[] = [];
  for (const container of containers ?? podImage.containers) {
    try {
      const bytes = await files.read(directory, `${container}/${PROCESS_FILE}`, PROCESS_MAX_BYTES);
      const { pages, ...process } = JSON.parse(Buffer.from(bytes).toString()) as ProcessImage;
      if (process.container !== container) throw new Error(`the process is of container ${process.container}`);
      if (process.ended === undefined) {
        const found = await files.read(directory, `${container}/pages-1.img`, PAGE_BYTES);
        if (hash('sha256', found, 'hex') !== pages) throw new Error('pages-1.img: not the pages of the process');
      }
      processes.push(process);
    } catch (error) {
      throw restoreFailed(`${directory}/${container}`, error);
    }
  }
  return processes;
}

/** Whose dump the directory holds; undefined when it holds no complete one. */
export async function readDumpedPod(files: CheckpointFiles, directory: string): Promise<PodImage | undefined> {
  try {
    return JSON.parse(Buffer.from(await files.read(directory, POD_FILE, PROCESS_MAX_BYTES)).toString()) as PodImage;
  } catch (error) {
    if (error instanceof FermataError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function restoreFailed(what: string, cause: unknown): FermataError {
  return new FermataError('RestoreFailed', `cannot restore from ${what}: ${reasonOf(cause)}`, {
    cause,
    nextStep: 'Restore from another copy or an older checkpoint of the workload.',
  });
}
