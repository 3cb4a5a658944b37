import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/', import.meta.url));
const PROGRAM = fileURLToPath(new URL('ring.c', import.meta.url));

export interface OpenMpi {
  orterun: string;
  /** The program of the tests, see `ring.c`. */
  ring: string;
  /** What makes it work from where it lies. */
  environment: Record<string, string>;
}

/** Debian's Open MPI with what it needs, unpacked once into `node_modules/.cache`; only a compiler is installed, where there is none. */
export async function openMpi(): Promise<OpenMpi> {
  const folder = join(CACHE, 'openmpi');
  if (!existsSync(folder)) await unpackInto(folder);
  const [triplet = ''] = (await readdir(join(folder, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'));
  const libraries = join(folder, 'usr/lib', triplet);
  return {
    orterun: join(folder, 'usr/bin/orterun'),
    ring: join(folder, 'ring'),
    environment: {
      LD_LIBRARY_PATH: `${libraries}:${join(folder, 'lib', triplet)}`,
      OPAL_PREFIX: join(libraries, 'openmpi'),
      OPAL_BINDIR: join(folder, 'usr/bin'),
      OPAL_DATADIR: join(folder, 'usr/share'),
      OPAL_PKGDATADIR: join(folder, 'usr/share/openmpi'),
      OPAL_PKGLIBDIR: join(libraries, 'openmpi/lib/openmpi3'),
      OPAL_SYSCONFDIR: join(folder, 'etc/openmpi'),
      OMPI_ALLOW_RUN_AS_ROOT: '1',
      OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
    },
  };
}

/** Whole or not at all: another run may look for it at the same time. */
async function unpackInto(folder: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const draft = await mkdtemp(join(CACHE, '.openmpi-'));
  try {
    const packages = join(draft, 'packages');
    await mkdir(join(packages, 'partial'), { recursive: true });
    const place = ['-o', 'Debug::NoLocking=1', '-o', `Dir::Cache::archives=${packages}`];
    await apt('install', '-qq', '-y', '--no-install-recommends', '--download-only', ...place, 'openmpi-bin');
    await run('apt-get', ['download', '-qq', 'libopenmpi-dev'], { cwd: packages });
    for (const name of (await readdir(packages)).filter((each) => each.endsWith('.deb'))) {
      await run('dpkg-deb', ['-x', join(packages, name), draft]);
    }
    await rm(packages, { recursive: true });
    const hasCompiler = await run('gcc', ['--version']).catch(() => undefined);
    if (hasCompiler === undefined) await apt('install', '-qq', '-y', '--no-install-recommends', 'gcc', 'libc6-dev');
    const [triplet = ''] = (await readdir(join(draft, 'usr/lib'))).filter((name) => name.endsWith('-linux-gnu'));
    const libraries = join(draft, 'usr/lib', triplet);
    const linking = ['-L', libraries, '-l:libmpi.so.40', '-Wl,--allow-shlib-undefined'];
    await run('gcc', ['-O1', '-I', join(libraries, 'openmpi/include'), '-o', join(draft, 'ring'), PROGRAM, ...linking]);
    await rename(draft, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** On a fresh machine the lists of packages may be missing, or old. */
async function apt(...args: string[]): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', args, { env });
  } catch {
    await run('apt-get', ['-qq', 'update'], { env });
    await run('apt-get', args, { env });
  }
}
