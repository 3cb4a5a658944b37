import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FermataError } from '../../model/index.ts';
import { criuReason, runcReason } from './criu-log.ts';
import { type PodmanLayout, type PodmanTools, RUNC_ROOT } from './layout.ts';
import { parentOf, processIds } from './processes.ts';

/**
 * Dumps one running container into `directory/checkpoint` by runc and CRIU and leaves it frozen (see the freeze hook): the
 * caller lets it go on or ends it. Not by way of Podman, which holds its lock, waits for the unmount of the container and so
 * adds 150 ms (256 MiB) to 400 ms (1 GiB); the container is Podman's in everything else. Throws FermataError `DumpFailed`, or
 * the signal's reason once CRIU is seen ended.
 *
 * The process outlives us: its output goes to a file, and it has a session of its own.
 */
export async function dumpContainer(
  parts: { layout: PodmanLayout; tools: PodmanTools },
  container: string,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const outputPath = join(directory, 'runc.log');
  const output = openSync(outputPath, 'w', 0o600);
  const args = ['--root', RUNC_ROOT, 'checkpoint', '--leave-running', '--tcp-established', '--file-locks'];
  const child = spawn(
    parts.tools.runc,
    [...args, '--image-path', join(directory, 'checkpoint'), '--work-path', directory, container],
    { env: parts.layout.environment(parts.tools), stdio: ['ignore', output, output], detached: true },
  );
  closeSync(output);
  // CRIU cut down leaves its victim running: the code it had put into the processes takes itself out (measured, 8 of 8).
  const abort = (): void => {
    if (child.pid !== undefined) killGroup(child.pid);
  };
  signal.addEventListener('abort', abort, { once: true });
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 255));
    });
    signal.throwIfAborted();
    if (status !== 0) throw new FermataError('DumpFailed', await dumpReason(directory));
    await rm(outputPath, { force: true });
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** CRIU's own reason, else runc's. */
async function dumpReason(directory: string): Promise<string> {
  const [dumpLog, output] = await Promise.all(
    ['dump.log', 'runc.log'].map((name) => readFile(join(directory, name), 'utf8').catch(() => '')),
  );
  return criuReason(dumpLog ?? '') ?? runcReason(output ?? '') ?? 'CRIU gave no reason';
}

/** Dumps of these containers that go on although who ordered them is gone: runc, and CRIU below it. */
export function orphanedDumps(containers: readonly string[], directory: string): number[] {
  const orders = processIds(
    (args) => (args.includes('checkpoint') && containers.some((id) => args.includes(id))) || args.includes(directory),
  );
  // An unpacked CRIU runs under the loader of its own libc: its name is then not the first argument.
  const workers = processIds((args, pid) => args.includes('swrk') && orders.includes(parentOf(pid) ?? 0));
  return [...orders, ...workers];
}

export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
