import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { exists } from './debian-programs.ts';

const run = promisify(execFile);
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/debian/', import.meta.url));
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * A program of Debian 13 that this machine's suite may lack, with the C library it needs, unpacked into `node_modules/.cache`: apt's own
 * state and the machine's libraries stay as they are. Returns the words to run it by.
 */
export async function newerDebianProgram(name: string): Promise<string[]> {
  const folder = join(CACHE, `trixie-${name}`);
  if (!(await exists(folder))) await unpack(name, folder);
  const libraries = join(folder, 'usr', 'lib', 'x86_64-linux-gnu');
  return [join(libraries, 'ld-linux-x86-64.so.2'), '--library-path', libraries, join(folder, 'usr', 'bin', name)];
}

async function unpack(name: string, folder: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), `fermata-${name}-`));
  try {
    for (const path of ['lists/partial', 'cache/archives/partial', 'empty', 'unpacked']) {
      await mkdir(join(work, path), { recursive: true });
    }
    await writeFile(join(work, 'status'), '');
    await writeFile(join(work, 'sources.list'), `deb [signed-by=${KEYRING}] ${await mirror()} trixie main\n`);
    const options = Object.entries({
      'Dir::Etc::sourcelist': join(work, 'sources.list'),
      'Dir::Etc::sourceparts': join(work, 'empty'),
      'Dir::Etc::preferencesparts': join(work, 'empty'),
      'Dir::State::lists': join(work, 'lists'),
      'Dir::State::status': join(work, 'status'),
      'Dir::Cache': join(work, 'cache'),
      'Acquire::Languages': 'none',
      'APT::Sandbox::User': 'root',
      'APT::Update::Post-Invoke': '',
    }).flatMap(([option, value]) => ['-o', `${option}=${value}`]);
    await run('apt-get', ['-q', ...options, 'update'], { cwd: work, timeout: 180_000 });
    await run('apt-get', ['-q', ...options, 'download', name, 'libc6'], { cwd: work, timeout: 300_000 });
    for (const file of await readdir(work)) {
      if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', file, 'unpacked'], { cwd: work });
    }
    await mkdir(CACHE, { recursive: true });
    const draft = `${folder}.${process.pid}`;
    await run('cp', ['-a', join(work, 'unpacked'), draft]);
    // Whole or not at all: another test may look for it at the same time.
    await rename(draft, folder).catch(() => rm(draft, { recursive: true, force: true }));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The one this machine uses. */
async function mirror(): Promise<string> {
  const format = ['--format', '$(ORIGIN)|$(COMPONENT)|$(REPO_URI)', 'Created-By: Packages'];
  const { stdout } = await run('apt-get', ['indextargets', ...format]).catch(() => ({ stdout: '' }));
  const line = stdout.split('\n').find((one) => /^Debian\|main\|/.test(one) && !one.includes('security'));
  return line?.split('|')[2] ?? 'http://deb.debian.org/debian/';
}
