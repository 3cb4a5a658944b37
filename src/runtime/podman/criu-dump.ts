import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';
import { criuReason, runcReason } from './criu-log.ts';
import { type PodmanLayout, type PodmanTools, RUNC_ROOT } from './layout.ts';
import { commandLine, parentOf, processIds } from './processes.ts';

/**
 * Dumps one running container into `directory/checkpoint` by runc and CRIU and leaves it frozen (see the freeze hook): the
 * caller lets it go on or ends it. Not by way of Podman, which holds its lock, waits for the unmount of the container and so
 * adds 150 ms (256 MiB) to 400 ms (1 GiB); the container is Podman's in everything else. Throws FermataError `DumpFailed`, or
 * the signal's reason once CRIU is seen ended.
 *
 * The process outlives us: its output goes to a file, and it has a session of its own.
 */
export async function dumpContainer(
  parts: { clock: Clock; layout: PodmanLayout; tools: PodmanTools },
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
  const abort = (): void => {
    if (child.pid === undefined) return;
    // It ends one way or the other, and the exit is what is waited for.
    void cutShort(parts.clock, child.pid, join(directory, 'dump.log'));
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

const CUT_POLL_MILLISECONDS = 2;
/** Less than this, and what could not be written may be the log that would say so. */
const FULL_BYTES = 1024 * 1024;

/** CRIU's own reason, else runc's. */
async function dumpReason(directory: string): Promise<string> {
  const [dumpLog, output, figures] = await Promise.all([
    readFile(join(directory, 'dump.log'), 'utf8').catch(() => ''),
    readFile(join(directory, 'runc.log'), 'utf8').catch(() => ''),
    statfs(directory),
  ]);
  const reason = criuReason(dumpLog) ?? runcReason(output) ?? 'CRIU gave no reason';
  if (figures.bavail * figures.bsize >= FULL_BYTES || /No space left/.test(reason)) return reason;
  return `No space left on the disk of ${directory} (${reason})`;
}

/** Dumps of these containers that go on although who ordered them is gone: runc, leading the group CRIU is in. */
export function orphanedDumps(containers: readonly string[], directory: string): number[] {
  return processIds(
    (args) =>
      args.includes('checkpoint') &&
      (containers.some((id) => args.includes(id)) || args.some((argument) => argument.startsWith(`${directory}/`))),
  );
}

/**
 * Ends an ordered dump whose process leads its group, as soon as that does no harm to the dumped processes; at the latest it
 * ends by itself. While CRIU writes pages out, the code it has put into its victim takes itself out again when CRIU dies; while
 * it puts that code in or takes it out, dying would leave the victim with foreign registers.
 */
export async function cutShort(clock: Clock, leader: number, dumpLog: string): Promise<void> {
  const mayEnd = async (): Promise<boolean> => mayBeCut(await readFile(dumpLog, 'utf8').catch(() => ''));
  while (commandLine(leader) !== undefined) {
    if (await mayEnd()) {
      // By descent: CRIU changes its command line.
      const workers = processIds((_, pid) => parentOf(pid) === leader);
      for (const pid of workers) signalIfThere(pid, 'SIGSTOP');
      // Once more, now that it stands still: it may have gone on between the look and the stop.
      if (await mayEnd()) {
        signalIfThere(-leader, 'SIGKILL');
        return;
      }
      for (const pid of workers) signalIfThere(pid, 'SIGCONT');
    }
    await clock.sleep(CUT_POLL_MILLISECONDS);
  }
}

/** Pure: whether a CRIU with this `dump.log` so far may be killed without harm: before the first task, or writing pages. */
export function mayBeCut(log: string): boolean {
  const last = [...log.matchAll(/\) (Dumping task|Dumping pages|Dumping core) \(/g)].at(-1)?.[1];
  return last === undefined || last === 'Dumping pages';
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
