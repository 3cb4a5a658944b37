import { spawn } from 'node:child_process';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readDumpStatistics, STATISTICS_FILE } from '../../checkpoint/index.ts';
import { FermataError } from '../../model/index.ts';
import type { ContainerDump } from '../runtime.ts';

/** Unpacks the kubelet's archive of one container into `directory`, and says what the dump came to. */
export async function unpackArchive(
  archive: string,
  directory: string,
  container: { name: string; image: string },
  signal: AbortSignal,
): Promise<ContainerDump> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await run('tar', ['--extract', '--numeric-owner', '--same-permissions', '-f', archive, '-C', directory], signal);
  const statistics = await readDumpStatistics(directory, { path: STATISTICS_FILE });
  return {
    ...container,
    sizeBytes: await bytesBelow(directory),
    freezingMicroseconds: statistics.freezingMicroseconds,
    frozenMicroseconds: statistics.frozenMicroseconds,
    memdumpMicroseconds: statistics.memdumpMicroseconds,
    memwriteMicroseconds: statistics.memwriteMicroseconds,
  };
}

/**
 * Removes what the kubelet wrote of this container from `since` (ms since the epoch) on. It removes nothing itself, ever; older
 * archives are somebody else's.
 */
export async function removeArchives(
  folder: string,
  { namespace, pod, container }: { namespace: string; pod: string; container: string },
  since: number,
): Promise<void> {
  const prefix = `checkpoint-${pod}_${namespace}-${container}-`;
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names) {
    // What follows is a time: `-` may stand in names too, and `web` must not take what is `web-2`'s.
    if (!name.startsWith(prefix) || !/^\d{4}-\d{2}-\d{2}T[^-]*(?:[+-][\d:]+)?\.tar$/.test(name.slice(prefix.length)))
      continue;
    const path = join(folder, name);
    if ((await stat(path)).mtimeMs >= since) await rm(path, { force: true });
  }
}

/** The kubelet's word for where it wrote. Throws FermataError `DumpFailed` when that is no archive in a folder of checkpoints. */
export function checkedArchive(path: string): string {
  if (
    path.startsWith('/') &&
    path.endsWith('.tar') &&
    basename(dirname(path)) === 'checkpoints' &&
    !path.includes('/../')
  ) {
    return path;
  }
  throw new FermataError(
    'DumpFailed',
    `the kubelet names ${JSON.stringify(path)}, which is no archive of a checkpoint`,
  );
}

async function bytesBelow(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

function run(program: string, parameters: readonly string[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawn(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'], signal });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (said.length < 4096) said += text;
    });
    child.once('error', (error) => reject(signal.aborted ? signal.reason : error));
    child.once('close', (code) => {
      if (code === 0) resolve();
      else if (signal.aborted) reject(signal.reason);
      else reject(new FermataError('DumpFailed', `${program}: ${said.trim() || `exit code ${code}`}`));
    });
  });
}
