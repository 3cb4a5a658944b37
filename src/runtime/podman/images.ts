import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { packTar, type TarEntry } from 'modern-tar';
import { packTar as packFiles, type TarSource } from 'modern-tar/fs';
import { FermataError } from '../../model/index.ts';
import type { PodmanClient } from './client.ts';
import { runCommand } from './command.ts';
import { pauseProgram } from './pause.ts';

/** Image of the infra container that holds a pod's shared namespaces. */
export const PAUSE_IMAGE = 'localhost/fermata-pause:1';
/** A small user land made of the host's own programs, with perl: for demos and tests, without any registry. */
export const DEMO_IMAGE = 'localhost/fermata-demo:latest';

const DEMO_PROGRAMS = ['sh', 'perl', 'sleep', 'cat', 'ls', 'mkdir', 'rm', 'env', 'true', 'false', 'date', 'head', 'id'];
const PROGRAM_FOLDERS = ['/usr/bin', '/bin'];
/** One fixed time for all files: the same host gives the same image digest. */
const EPOCH = new Date(0);

export interface ImageConfiguration {
  command?: string[];
  environment?: string[];
  workingDirectory?: string;
}

/** Loads both images if Podman does not have them. A few hundred milliseconds the first time. */
export async function ensureOwnImages(client: PodmanClient, signal?: AbortSignal): Promise<void> {
  if (!(await hasImage(client, PAUSE_IMAGE, signal))) {
    const program = pauseProgram(process.arch);
    const layer = await packTar([
      { header: { name: 'pause', size: program.length, mode: 0o755, mtime: EPOCH }, body: program },
    ]);
    await loadImage(client, PAUSE_IMAGE, layer, { command: ['/pause'] }, signal);
  }
  if (!(await hasImage(client, DEMO_IMAGE, signal))) {
    await loadImage(client, DEMO_IMAGE, await demoLayer(), { command: ['/bin/sh'], workingDirectory: '/' }, signal);
  }
}

export async function hasImage(client: PodmanClient, name: string, signal?: AbortSignal): Promise<boolean> {
  return (await inspectImage(client, name, signal)) !== undefined;
}

/** Id of a local image; undefined when there is none of that name, id or digest. */
export async function inspectImage(
  client: PodmanClient,
  name: string,
  signal?: AbortSignal,
): Promise<{ id: string } | undefined> {
  try {
    const image = await client.call<{ Id: string }>('GET', `/images/${encodeURIComponent(name)}/json`, {
      ...(signal && { signal }),
    });
    return { id: image.Id };
  } catch (error) {
    if (error instanceof Error && 'status' in error && error.status === 404) return undefined;
    throw error;
  }
}

/**
 * Loads a one-layer image by a docker-archive made in memory (docker image specification 1.2): nothing is fetched and no
 * build tool is needed.
 */
export async function loadImage(
  client: PodmanClient,
  name: string,
  layer: Uint8Array,
  configuration: ImageConfiguration,
  signal?: AbortSignal,
): Promise<void> {
  const config = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: EPOCH.toISOString(),
    config: {
      Cmd: configuration.command ?? null,
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...(configuration.environment ?? [])],
      WorkingDir: configuration.workingDirectory ?? '/',
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
  });
  const configName = `${sha256(config)}.json`;
  const manifest = JSON.stringify([{ Config: configName, RepoTags: [name], Layers: ['layer.tar'] }]);
  const entry = (path: string, body: string | Uint8Array): TarEntry => ({
    header: { name: path, size: Buffer.byteLength(body), mtime: EPOCH },
    body,
  });
  const archive = await packTar([
    entry('manifest.json', manifest),
    entry(configName, config),
    entry('layer.tar', layer),
  ]);
  await client.call('POST', '/images/load', { body: archive, ...(signal && { signal }) });
}

async function demoLayer(): Promise<Uint8Array> {
  const programs = DEMO_PROGRAMS.flatMap((name) => {
    const path = PROGRAM_FOLDERS.map((folder) => join(folder, name)).find(existsSync);
    return path === undefined ? [] : [path];
  });
  const perl = programs.find((path) => path.endsWith('/perl'));
  if (perl === undefined) {
    throw new FermataError('ImageNotFound', 'The demo image is made of the host’s perl, and this host has none', {
      nextStep: 'Install perl (Debian and Ubuntu: perl-base).',
    });
  }
  return hostLayer(programs, await perlLibrary(perl));
}

/**
 * A layer with these programs of the host, the shared libraries they load, and whole folders; everything at the path it has
 * on the host, programs also under /bin.
 */
async function hostLayer(programs: readonly string[], folders: readonly string[]): Promise<Uint8Array> {
  const files = new Map<string, string>();
  for (const program of programs) {
    files.set(`bin/${program.slice(program.lastIndexOf('/') + 1)}`, await realpath(program));
    if (program.startsWith('/usr/')) files.set(program.slice(1), await realpath(program));
    for (const library of await sharedLibraries(program)) files.set(library.slice(1), await realpath(library));
  }
  const common = { uid: 0, gid: 0, uname: 'root', gname: 'root', mtime: EPOCH };
  const sources: TarSource[] = [
    ...['tmp', 'proc', 'sys', 'dev', 'etc', 'run', 'var', 'root'].map(
      (name): TarSource => ({ type: 'content', content: null, target: `${name}/.keep`, ...common }),
    ),
    ...[...files].map(([target, source]): TarSource => ({ type: 'file', source, target, mode: 0o755, ...common })),
    ...folders.map((folder): TarSource => ({ type: 'directory', source: folder, target: folder.slice(1), ...common })),
    { type: 'content', content: 'root:x:0:0:root:/root:/bin/sh\n', target: 'etc/passwd', ...common },
    { type: 'content', content: 'root:x:0:\n', target: 'etc/group', ...common },
  ];
  const chunks: Buffer[] = [];
  for await (const chunk of packFiles(sources, { dereference: true })) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** What the dynamic loader would load, as `ldd` says; none for static programs and scripts. */
async function sharedLibraries(program: string): Promise<string[]> {
  const { stdout } = await runCommand('ldd', [program]);
  return [...stdout.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].flatMap((match) =>
    match[1] === undefined ? [] : [match[1]],
  );
}

/** Folder of perl's core modules: the one `strict` comes from (`perl-base` on Debian: 5 MB with POSIX and sockets). */
async function perlLibrary(perl: string): Promise<string[]> {
  const { stdout } = await runCommand(perl, ['-Mstrict', '-e', 'print $INC{"strict.pm"}']);
  const folder = stdout.slice(0, stdout.lastIndexOf('/'));
  return folder === '' ? [] : [folder];
}

/** The image's bytes are needed twice, for the digest and for the archive: it is small enough to hold. */
function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
