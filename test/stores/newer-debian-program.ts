import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CACHE, unpackedOnce } from './debian-programs.ts';

const run = promisify(execFile);
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * A program of Debian 13 that this machine's suite may lack, with the C library it needs, unpacked into `node_modules/.cache`: apt's own
 * state and the machine's libraries stay as they are. Returns the words to run it by.
 */
export async function newerDebianProgram(name: string): Promise<string[]> {
  const folder = join(CACHE, `trixie-${name}`);
  await unpackedOnce(folder, (work) => download(name, work));
  const libraries = join(folder, 'usr', 'lib', 'x86_64-linux-gnu');
  return [join(libraries, 'ld-linux-x86-64.so.2'), '--library-path', libraries, join(folder, 'usr', 'bin', name)];
}

async function download(name: string, work: string): Promise<void> {
  for (const path of ['lists/partial', 'cache/archives/partial', 'empty']) {
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
}

/** The archive this machine uses, as apt itself knows it; where nothing was fetched yet, its lists are. */
async function mirror(): Promise<string> {
  const known = await knownMirror();
  if (known !== undefined) return known;
  await run('apt-get', ['-q', 'update'], { timeout: 180_000 });
  const fetched = await knownMirror();
  assert.ok(fetched !== undefined, 'apt knows no archive of Debian: see the sources in /etc/apt');
  return fetched;
}

async function knownMirror(): Promise<string | undefined> {
  const format = ['--format', '$(ORIGIN)|$(COMPONENT)|$(REPO_URI)', 'Created-By: Packages'];
  const { stdout } = await run('apt-get', ['indextargets', ...format]).catch(() => ({ stdout: '' }));
  const line = stdout.split('\n').find((one) => /^Debian\|main\|/.test(one) && !one.includes('security'));
  return line?.split('|')[2];
}
