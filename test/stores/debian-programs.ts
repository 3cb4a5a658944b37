import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
export const CACHE = fileURLToPath(new URL('../../node_modules/.cache/debian/', import.meta.url));

/**
 * A Debian package, unpacked with those it needs and this machine lacks into `node_modules/.cache`: nothing is installed.
 * Returns the folder, in which there is `usr`.
 */
export async function unpackedPackage(name: string): Promise<string> {
  const folder = join(CACHE, name);
  await unpackedOnce(folder, async (work) => {
    let wanted = await lacking(name);
    if (wanted.length === 0) {
      await run('apt-get', ['-q', 'update'], { timeout: 180_000 }); // the lists may not have been fetched yet
      wanted = await lacking(name);
    }
    await run('apt-get', ['download', ...(wanted.length === 0 ? [name] : wanted)], { cwd: work, timeout: 300_000 });
  });
  return folder;
}

/** Unpacks into the folder, unless it is there, the packages that `download` puts into a folder that passes. */
export async function unpackedOnce(folder: string, download: (work: string) => Promise<void>): Promise<void> {
  if (await exists(folder)) return;
  const work = await mkdtemp(join(tmpdir(), `fermata-${basename(folder)}-`));
  try {
    await download(work);
    await mkdir(join(work, 'unpacked'));
    for (const file of await readdir(work)) {
      if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', file, 'unpacked'], { cwd: work });
    }
    await mkdir(dirname(folder), { recursive: true });
    const draft = `${folder}.${process.pid}`;
    await run('cp', ['-a', join(work, 'unpacked'), draft]);
    // Whole or not at all: another test may look for it at the same time.
    await rename(draft, folder).catch(() => rm(draft, { recursive: true, force: true }));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The package and what an installation of it would bring along. */
async function lacking(name: string): Promise<string[]> {
  const arguments_ = ['install', '--simulate', '--no-install-recommends', name];
  const { stdout } = await run('apt-get', arguments_, { maxBuffer: 16 * 1024 * 1024 }).catch(() => ({ stdout: '' }));
  return [...stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '');
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
