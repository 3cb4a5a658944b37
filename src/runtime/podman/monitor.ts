import { basename } from 'node:path';
import { commandLine, parentOf, processIds } from './processes.ts';

/**
 * Stops the conmon of a container that is about to be killed behind its dump. What conmon does at an end (Podman's cleanup, some
 * 65 ms of processor time and as long a lock on the container) would come at the one moment at which an urgent pod waits for
 * this node; nothing needs it before the container is deleted. Harmless when the process has no conmon.
 */
export function pauseMonitor(mainProcess: number): void {
  const parent = parentOf(mainProcess);
  if (parent !== undefined && isMonitor(commandLine(parent))) signal(parent, 'SIGSTOP');
}

/** Lets the conmons go on of which `fits` holds; to be called before Podman is asked to delete their containers. */
export function resumeMonitors(fits: (args: readonly string[]) => boolean): void {
  for (const pid of processIds((args) => isMonitor(args) && fits(args))) signal(pid, 'SIGCONT');
}

function isMonitor(args: readonly string[] | undefined): boolean {
  return basename(args?.[0] ?? '') === 'conmon';
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
