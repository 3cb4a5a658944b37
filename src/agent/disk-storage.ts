import { spawn } from 'node:child_process';
import { lstat, mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { diskFiles } from '../checkpoint/index.ts';
import { FermataError } from '../model/index.ts';
import { type CheckpointStorage, COPY_SUFFIX, volumeArchive } from './storage.ts';

/** Unit of `st_blocks`, whatever the file system's own (inode(7)). */
const STAT_BLOCK_BYTES = 512;
/** A header, and with long names or attributes one or two more. */
const TAR_ENTRY_BYTES = 1_536;

/**
 * Checkpoints on this machine's disk. `cp` and `tar` do the copying: they keep owners, modes, links and holes, and share
 * blocks where the file system can.
 */
export const diskStorage: CheckpointStorage = {
  files: diskFiles,

  async ensure(directory) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  },

  async freeBytes(directory) {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  },

  async disk(directory) {
    const { bavail, blocks, bsize } = await statfs(directory);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  },

  async folders(directory) {
    try {
      const entries = await readdir(directory, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },

  async copy(from, to, signal) {
    const draft = `${to}${COPY_SUFFIX}`;
    await mkdir(dirname(to), { recursive: true, mode: 0o700 });
    await rm(draft, { recursive: true, force: true });
    try {
      await run('cp', ['-a', '--reflink=auto', '--', from, draft], signal);
      await rm(to, { recursive: true, force: true });
      await rename(draft, to);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
  },

  async volumeBytes(folder) {
    if (!(await isThere(folder))) return 0;
    let bytes = 0;
    for (const path of await readdir(folder, { recursive: true })) {
      try {
        bytes += TAR_ENTRY_BYTES + (await lstat(join(folder, path))).blocks * STAT_BLOCK_BYTES;
      } catch (error) {
        if (!isMissing(error)) throw error; // the pod runs, and removes files as it likes
      }
    }
    return bytes;
  },

  async packVolume(folder, checkpoint, volume, signal) {
    if (!(await isThere(folder))) return;
    const archive = join(checkpoint, volumeArchive(volume));
    await mkdir(dirname(archive), { recursive: true, mode: 0o700 });
    await run('tar', ['--create', '--sparse', '--numeric-owner', '--xattrs', '-f', archive, '-C', folder, '.'], signal);
  },

  async unpackVolume(checkpoint, volume, folder, signal) {
    const archive = join(checkpoint, volumeArchive(volume));
    if (!(await isThere(archive))) return;
    // What a crashed run wrote after the dump does not exist for the processes that are restored.
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true, force: true });
    await run(
      'tar',
      ['--extract', '--numeric-owner', '--same-permissions', '--xattrs', '-f', archive, '-C', folder],
      signal,
    );
  },
};

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Throws FermataError `CopyFailed` with what the program said. */
function run(program: string, parameters: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'], signal });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 4096) said += text;
    });
    const fail = (reason: string, cause?: unknown): void => {
      const message = `${program} ${parameters.join(' ')}: ${reason}`;
      reject(new FermataError('CopyFailed', message, { ...(cause === undefined ? {} : { cause }) }));
    };
    child.once('error', (error) => {
      if (signal.aborted) reject(signal.reason);
      else fail(error.message, error);
    });
    child.once('close', (code) => {
      if (code === 0) resolve();
      else if (signal.aborted) reject(signal.reason);
      else fail(said.trim() || `exit code ${code}`);
    });
  });
}
