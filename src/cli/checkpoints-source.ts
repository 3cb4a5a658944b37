import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  type BlobStore,
  CheckpointArchive,
  importContainer,
  metered,
  openStore,
  type PodIdentity,
  readKeyFolder,
  readPodIdentity,
} from '../checkpoint/index.ts';
import { SystemClock } from '../clock/index.ts';
import type { SourceFlags } from './checkpoints.ts';
import { isObjectName, locateCheckpoint } from './checkpoints-object.ts';
import { UsageError } from './exit.ts';
import { interruptible } from './interrupt.ts';
import { TransferProgress } from './transfer-progress.ts';

/** A checkpoint as a folder on this machine, wherever it came from. */
export interface OpenedCheckpoint {
  directory: string;
  kind: 'folder' | 'tar' | 'archive';
  containers: string[];
  pod: PodIdentity | undefined;
  /** What its `manifest.json` must be, where a PodCheckpoint says so. */
  manifestDigest?: string;
}

/** An archive of a store; `digest` of its manifest, where that is known. */
export interface ArchiveInStore {
  url: string;
  tenant: string;
  archive: string;
  digest?: string;
}

/** A store by its URL; a path may be relative. */
export async function withStore<T>(url: string, work: (store: BlobStore) => Promise<T>): Promise<T> {
  const store = await openStore({ clock: new SystemClock() }, url.includes('://') ? url : resolve(url));
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** `namespace/archive`. */
export function archiveName(text: string): { tenant: string; archive: string } {
  const [tenant, archive, ...more] = text.split('/');
  if (tenant === undefined || archive === undefined || archive === '' || more.length > 0) {
    throw new UsageError(`"${text}" names no archive`, 'write NAMESPACE/ARCHIVE, as checkpoints ls --store shows them');
  }
  return { tenant, archive };
}

type Work<T> = (checkpoint: OpenedCheckpoint, signal: AbortSignal) => Promise<T>;

/** Runs `work` on the checkpoint; what had to be brought here for it is removed again, also when somebody interrupts. */
export function withCheckpoint<T>(source: string, flags: SourceFlags, work: Work<T>): Promise<T> {
  return interruptible((signal) => onCheckpoint(source, flags, work, signal));
}

async function onCheckpoint<T>(source: string, flags: SourceFlags, work: Work<T>, signal: AbortSignal): Promise<T> {
  if (flags.store !== undefined) {
    return fromStore({ url: flags.store, ...archiveName(source) }, flags.keys, work, signal);
  }
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory() === true) return work(await opened(resolve(source), 'folder'), signal);
  if (found !== undefined) return fromTar(source, found.size, work, signal);
  if (!isObjectName(source)) {
    throw new UsageError(
      `${source} is neither a folder nor a file, nor the name of a PodCheckpoint`,
      'with --store a checkpoint is taken from a store',
    );
  }
  const { folder, archive, keys, manifestDigest } = await locateCheckpoint(source, flags);
  const expecting: Work<T> = (checkpoint) =>
    work({ ...checkpoint, ...(manifestDigest === undefined ? {} : { manifestDigest }) }, signal);
  if (folder !== undefined) return expecting(await opened(folder, 'folder'), signal);
  return fromStore(archive, keys, expecting, signal);
}

/** The one that is meant. */
export function oneContainer({ containers }: OpenedCheckpoint, name: string | undefined): string {
  const [first, ...more] = containers;
  if (name !== undefined && containers.includes(name)) return name;
  if (name === undefined && first !== undefined && more.length === 0) return first;
  throw new UsageError(
    name === undefined ? 'the checkpoint has several containers' : `the checkpoint has no container ${name}`,
    `name one with --container: ${containers.join(', ')}`,
  );
}

/** Takes a `.tar` into `directory`, saying how far it is. */
export async function importFile(
  file: string,
  sizeBytes: number,
  directory: string,
  signal: AbortSignal,
): ReturnType<typeof importContainer> {
  const progress = new TransferProgress('unpacking');
  try {
    return await importContainer(metered(createReadStream(file), progress.meter(sizeBytes)), directory, signal);
  } finally {
    progress.stop();
  }
}

function fromTar<T>(file: string, sizeBytes: number, work: Work<T>, signal: AbortSignal): Promise<T> {
  return inTemporary(async (directory) => {
    await importFile(file, sizeBytes, directory, signal);
    return work(await opened(directory, 'tar'), signal);
  });
}

async function fromStore<T>(
  { url, ...name }: ArchiveInStore,
  keyFolder: string | undefined,
  work: Work<T>,
  signal: AbortSignal,
): Promise<T> {
  if (keyFolder === undefined) throw new UsageError('what is in a store is read with --keys FOLDER');
  const keys = await readKeyFolder(keyFolder);
  return withStore(url, (store) =>
    inTemporary(async (directory) => {
      const archive = new CheckpointArchive({ store, clock: new SystemClock(), keys });
      const progress = new TransferProgress('fetching');
      const { show: onProgress } = progress;
      try {
        await archive.download({ ...name, directory, signal, onProgress });
      } finally {
        progress.stop();
      }
      return work(await opened(directory, 'archive'), signal);
    }),
  );
}

async function opened(directory: string, kind: OpenedCheckpoint['kind']): Promise<OpenedCheckpoint> {
  const containers: string[] = [];
  for (const { name } of await readdir(directory, { withFileTypes: true })) {
    const inventory = await stat(join(directory, name, 'checkpoint', 'inventory.img')).catch(() => undefined);
    if (inventory !== undefined) containers.push(name);
  }
  const [first] = containers.sort();
  if (first === undefined) throw new UsageError(`${directory} holds no checkpoint of a container`);
  return { directory, kind, containers, pod: await readPodIdentity(join(directory, first)) };
}

/** Memory of processes: nobody else may look, and nothing stays. */
export async function inTemporary<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-checkpoint-'));
  try {
    return await work(join(folder, 'checkpoint'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
