import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type CheckpointEntry, type CheckpointFiles, DRAFT_SUFFIX } from './checkpoint-files.ts';
import { digestThreads } from './digest-threads.ts';
import { DigestsAhead } from './digests-ahead.ts';
import { digestsOnDisk, openRegular } from './disk-digests.ts';
import { corrupt, exists } from './errors.ts';

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** Checkpoint directories on this machine's disk. Paths must be absolute. */
export const diskFiles: CheckpointFiles = {
  async makeDirectory(directory) {
    await mkdir(dirname(directory), { recursive: true, mode: DIRECTORY_MODE });
    try {
      await mkdir(directory, { mode: DIRECTORY_MODE });
    } catch (error) {
      throw hasCode(error, 'EEXIST') ? exists(directory) : error;
    }
  },

  async list(directory) {
    const entries: CheckpointEntry[] = [];
    try {
      await listInto(entries, directory, '');
    } catch (error) {
      if (hasCode(error, 'ENOENT') && !(await isThere(directory))) return undefined;
      throw error;
    }
    return entries.sort((one, other) => (one.path < other.path ? -1 : 1));
  },

  async read(directory, path, maxBytes) {
    const handle = await openRegular(directory, path);
    try {
      const { size } = await handle.stat();
      if (size > maxBytes)
        throw corrupt(directory, path, `it has ${size} bytes, more than the ${maxBytes} it may have`);
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  },

  async write(directory, path, bytes) {
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true, mode: DIRECTORY_MODE });
    const draft = `${target}${DRAFT_SUFFIX}`;
    try {
      const handle = await open(draft, 'w', FILE_MODE);
      try {
        await handle.writeFile(bytes);
      } finally {
        await handle.close();
      }
      await rename(draft, target);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  },

  digests: digestsOnDisk,

  prepareDigests: () => digestThreads.prepare(),

  digestsAhead: (directory, options) => new DigestsAhead(directory, options),

  async flush(directory, signal) {
    const entries = (await diskFiles.list(directory)) ?? [];
    for (const { path, kind } of entries) {
      signal?.throwIfAborted();
      if (kind === 'file') await sync(await openRegular(directory, path));
      if (kind === 'directory') await sync(await open(join(directory, path)));
    }
    await sync(await open(directory));
    await sync(await open(dirname(directory)));
  },

  async remove(directory) {
    await rm(directory, { recursive: true, force: true });
  },

  async rename(from, to) {
    if (await isThere(to)) throw exists(to);
    await rename(from, to);
  },
};

async function listInto(entries: CheckpointEntry[], directory: string, below: string): Promise<void> {
  for (const entry of await readdir(join(directory, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isFile()) {
      entries.push({ path, kind: 'file', sizeBytes: (await stat(join(directory, path))).size });
    } else if (entry.isDirectory()) {
      entries.push({ path, kind: 'directory', sizeBytes: 0 });
      await listInto(entries, directory, path);
    } else {
      entries.push({ path, kind: entry.isSymbolicLink() ? 'symlink' : 'other', sizeBytes: 0 });
    }
  }
}

async function sync(handle: FileHandle): Promise<void> {
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
