import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FermataError } from '../../model/index.ts';
import { writeAtomically } from '../atomic-file.ts';
import type { SandboxDirectory } from './sandbox-directory.ts';

/** Who runs a sandbox. `startTicks` tells the process from a later one of the same number. */
export interface Supervisor {
  pid: number;
  startTicks: string;
}

/** The process that runs the sandbox in this folder now, if any. */
export function supervisorOf(directory: SandboxDirectory): Supervisor | undefined {
  const file = claimFile(directory);
  if (!existsSync(file)) return undefined;
  const [pid, startTicks] = readFileSync(file, 'utf8').trim().split(' ');
  const supervisor = { pid: Number(pid), startTicks: startTicks ?? '' };
  return isAlive(supervisor) ? supervisor : undefined;
}

/** Makes this process the one that runs the sandbox. Throws `SandboxRunning` when another one does. */
export function claim(directory: SandboxDirectory): void {
  const file = claimFile(directory);
  const lock = `${file}.lock`;
  const handle = lockOnce(lock, directory);
  try {
    refuseRunning(directory);
    writeAtomically(file, `${process.pid} ${startTicksOf(process.pid) ?? ''}\n`);
  } finally {
    closeSync(handle);
    rmSync(lock, { force: true });
  }
}

/** Throws `SandboxRunning` when another process runs the sandbox in this folder. */
export function refuseRunning(directory: SandboxDirectory): void {
  const running = supervisorOf(directory);
  if (running !== undefined && running.pid !== process.pid) throw alreadyRunning(directory, running.pid);
}

export function release(directory: SandboxDirectory): void {
  if (supervisorOf(directory)?.pid === process.pid) rmSync(claimFile(directory), { force: true });
}

export function isAlive({ pid, startTicks }: Supervisor): boolean {
  const now = startTicksOf(pid);
  return now !== undefined && now === startTicks;
}

function claimFile(directory: SandboxDirectory): string {
  return join(directory.run, 'supervisor');
}

/** Two starts within the same instant: the file exists only for the few milliseconds between look and claim. */
function lockOnce(lock: string, directory: SandboxDirectory): number {
  try {
    return openSync(lock, 'wx', 0o600);
  } catch (error) {
    throw new FermataError('SandboxRunning', `another process is starting the sandbox in ${directory.root}`, {
      cause: error,
      nextStep: `if none is, remove ${lock}`,
    });
  }
}

function alreadyRunning(directory: SandboxDirectory, pid: number): FermataError {
  return new FermataError('SandboxRunning', `the sandbox in ${directory.root} runs already (process ${pid})`, {
    nextStep: `use it: export KUBECONFIG=${directory.kubeconfig}; or stop it: fermata down --dir ${directory.root}`,
  });
}

/** Field 22 of `/proc/PID/stat`, or, where there is no /proc, `-` while the process lives. */
function startTicksOf(pid: number): string | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (existsSync('/proc/self/stat')) {
    if (!existsSync(`/proc/${pid}/stat`)) return undefined;
    // The command name may hold spaces and brackets: count from behind the last one.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  }
  try {
    process.kill(pid, 0);
    return '-';
  } catch {
    return undefined; // no such process
  }
}
