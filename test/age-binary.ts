import { execFile } from 'node:child_process';
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../node_modules/.cache/age/', import.meta.url));
const PROGRAMS = ['age', 'age-keygen'] as const;

/** Debian's `age`, unpacked once into `node_modules/.cache` without installing it. Throws when apt gives none. */
export async function ageBinaries(): Promise<{ age: string; keygen: string }> {
  const paths = PROGRAMS.map((name) => join(CACHE, name));
  for (const path of paths) {
    if (await isThere(path)) continue;
    await fetchAge();
    break;
  }
  const [age = '', keygen = ''] = paths;
  return { age, keygen };
}

async function fetchAge(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-age-'));
  try {
    await run('apt-get', ['download', 'age'], { cwd: folder, timeout: 60_000 });
    const [archive = ''] = await readdir(folder);
    await run('dpkg-deb', ['-x', archive, 'unpacked'], { cwd: folder });
    await mkdir(CACHE, { recursive: true });
    for (const name of PROGRAMS) {
      const draft = join(CACHE, `${name}.${process.pid}`);
      await copyFile(join(folder, 'unpacked', 'usr', 'bin', name), draft);
      await chmod(draft, 0o755);
      await rename(draft, join(CACHE, name));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
