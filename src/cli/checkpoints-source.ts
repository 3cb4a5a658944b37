import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  type BlobStore,
  CheckpointArchive,
  importContainer,
  openStore,
  type PodIdentity,
  readKeyFolder,
  readPodIdentity,
} from '../checkpoint/index.ts';
import { SystemClock } from '../clock/index.ts';
import { UsageError } from './exit.ts';

/** A checkpoint as a folder on this machine, wherever it came from. */
export interface OpenedCheckpoint {
  directory: string;
  kind: 'folder' | 'tar' | 'archive';
  containers: string[];
  pod: PodIdentity | undefined;
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

/** Runs `work` on the checkpoint; what had to be brought here for it is removed again. */
export async function withCheckpoint<T>(
  source: string,
  flags: { store?: string; keys?: string },
  work: (checkpoint: OpenedCheckpoint) => Promise<T>,
): Promise<T> {
  const { store: url, keys: folder } = flags;
  if (url === undefined) {
    const found = await stat(source).catch(() => undefined);
    if (found === undefined) {
      throw new UsageError(
        `${source} is neither a folder nor a file`,
        'with --store a checkpoint is taken from a store',
      );
    }
    if (found.isDirectory()) return work(await opened(resolve(source), 'folder'));
    return inTemporary(async (directory) => {
      await importContainer(createReadStream(source), directory);
      return work(await opened(directory, 'tar'));
    });
  }
  if (folder === undefined) throw new UsageError('what is in a store is read with --keys FOLDER');
  const name = archiveName(source);
  const keys = await readKeyFolder(folder);
  return withStore(url, (store) =>
    inTemporary(async (directory) => {
      const archive = new CheckpointArchive({ store, clock: new SystemClock(), keys });
      await archive.download({ ...name, directory, signal: new AbortController().signal });
      return work(await opened(directory, 'archive'));
    }),
  );
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
async function inTemporary<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-checkpoint-'));
  try {
    return await work(join(folder, 'checkpoint'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
