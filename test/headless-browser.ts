import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PACKAGE = 'chromium-headless-shell';
const CACHE = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url));
const ROOT = join(CACHE, PACKAGE);
const BROWSER = join(ROOT, 'usr', 'lib', 'chromium', PACKAGE);
const LIBRARIES = ['', 'pulseaudio'].map((folder) => join(ROOT, 'usr', 'lib', 'x86_64-linux-gnu', folder));
const FETCH_TIMEOUT_MS = 300_000;
const PAGE_TIMEOUT_MS = 60_000;

/** Debian's own Chromium without a window, unpacked once into `node_modules/.cache`; nothing is installed. */
export async function fetchBrowser(): Promise<void> {
  const isThere = await access(BROWSER).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(tmpdir(), 'fermata-browser-'));
  try {
    const install = ['install', '--simulate', '--yes', '--no-install-recommends', PACKAGE];
    const { stdout } = await run('apt-get', install, { maxBuffer: 2 ** 24 });
    // What of its libraries the machine lacks.
    const packages = [...stdout.matchAll(/^Inst (\S+)/gm)].flatMap(([, name]) => name ?? []);
    await run('apt-get', ['download', ...packages], { cwd: folder, timeout: FETCH_TIMEOUT_MS });
    const unpacked = join(folder, 'unpacked');
    const archives = (await readdir(folder)).filter((name) => name.endsWith('.deb'));
    for (const archive of archives) await run('dpkg-deb', ['-x', archive, unpacked], { cwd: folder });
    // Whole or not at all, though several may fetch it at once.
    const beside = await mkdtemp(join(CACHE, `${PACKAGE}-`));
    await run('cp', ['-a', `${unpacked}/.`, beside]);
    await rename(beside, ROOT).catch(async (error: unknown) => {
      await rm(beside, { recursive: true, force: true });
      await access(BROWSER).catch(() => {
        throw error;
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the browser writes to standard output and standard error with the page open; `profile`: a folder of its own. */
export async function browse(
  page: string,
  profile: string,
  ...flags: readonly string[]
): Promise<{ stdout: string; stderr: string }> {
  const always = ['--no-sandbox', '--disable-gpu', '--enable-logging=stderr', `--user-data-dir=${profile}`];
  return await run(BROWSER, [...always, ...flags, `file://${page}`], {
    env: { ...process.env, LD_LIBRARY_PATH: LIBRARIES.join(':') },
    timeout: PAGE_TIMEOUT_MS,
    maxBuffer: 2 ** 26,
  });
}
