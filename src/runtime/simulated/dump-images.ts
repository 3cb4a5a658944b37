import { hash } from 'node:crypto';
import type { CheckpointFiles } from '../../checkpoint/index.ts';
import { FermataError, reasonOf } from '../../model/index.ts';
import type { ContainerDump } from '../runtime.ts';
import { criuImages } from './criu-writer.ts';
import type { RestoredProcess, SimulatedPod } from './machine.ts';
import { frozenState, memoryOfRun } from './run.ts';

/** The process itself, beside the images that CRIU would have written. */
const PROCESS_FILE = 'process.json';
const PROCESS_MAX_BYTES = 64 * 1024;
const PAGE_BYTES = 4096;

interface ProcessImage extends RestoredProcess {
  /** SHA-256 of the pages, hex: CRIU does not look, the simulated process would crash. */
  pages: string;
}

/**
 * Writes the checkpoint of a frozen pod, one subfolder a container. `share` below 1 leaves each file cut to that part.
 * `milliseconds`: how long the dump took.
 */
export async function writeDump(
  files: CheckpointFiles,
  directory: string,
  pod: SimulatedPod,
  milliseconds: number,
  share = 1,
): Promise<ContainerDump[]> {
  const dumps: ContainerDump[] = [];
  for (const container of pod.containers) {
    const stretch = container.run?.stretches.at(-1);
    if (container.run === undefined || stretch === undefined || container.init) continue;
    const process: RestoredProcess = {
      container: container.name,
      program: container.program,
      ...frozenState(container.program, stretch),
    };
    const { ended } = container.run;
    if (ended !== undefined) {
      process.ended = { at: ended.at, exitCode: ended.exitCode };
    } else {
      dumps.push({
        name: container.name,
        image: container.image,
        sizeBytes: Math.round(memoryOfRun(container.program, container.run, stretch.endedAt ?? 0)),
        freezingMicroseconds: 500,
        frozenMicroseconds: Math.round(milliseconds * 1000),
        memdumpMicroseconds: Math.round(milliseconds * 750),
        memwriteMicroseconds: Math.round(milliseconds * 500),
      });
    }
    const statistics = dumps.at(-1);
    for (const [path, bytes] of imagesOf(process, ended === undefined ? statistics : undefined)) {
      const kept = share < 1 ? bytes.subarray(0, Math.floor(bytes.length * share)) : bytes;
      await files.write(directory, `${container.name}/${path}`, kept);
    }
  }
  return dumps;
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
 * Reads a checkpoint back: the processes of the containers named. Throws FermataError `RestoreFailed` when a file is
 * missing, cut or altered, or a container is not in it.
 */
export async function readDump(
  files: CheckpointFiles,
  directory: string,
  containers: readonly string[],
): Promise<RestoredProcess[]> {
  const processes: RestoredProcess[] = [];
  for (const container of containers) {
    try {
      const bytes = await files.read(directory, `${container}/${PROCESS_FILE}`, PROCESS_MAX_BYTES);
      const { pages, ...process } = JSON.parse(Buffer.from(bytes).toString()) as ProcessImage;
      if (process.container !== container) throw new Error(`the process is of container ${process.container}`);
      if (process.ended === undefined) {
        const found = await files.read(directory, `${container}/pages-1.img`, PAGE_BYTES);
        if (hash('sha256', found, 'hex') !== pages)
          throw new Error('pages-1.img: the pages are not those of the process');
      }
      processes.push(process);
    } catch (error) {
      throw new FermataError(
        'RestoreFailed',
        `container ${container} cannot be restored from ${directory}: ${reasonOf(error)}`,
        { cause: error, nextStep: 'Restore from another copy or an older checkpoint of the workload.' },
      );
    }
  }
  return processes;
}
