import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { RUNC_ROOT } from './layout.ts';
import { detachMountsBelow } from './mounts.ts';
import { commandLine, parentOf, processIds } from './processes.ts';

/** Whether runc still works on restoring one of these containers, on whoever's order. */
export function isRestoring(containers: readonly string[]): boolean {
  return restoreOrders(containers).length > 0;
}

/**
 * Ends what still works on restoring these containers: conmon, runc and CRIU stand outside the containers' control groups, and
 * outlive the Podman and the agent that started them. The tasks CRIU has made so far end with it.
 */
export async function endRestores(containers: readonly string[]): Promise<void> {
  const orders = restoreOrders(containers);
  const conmons = orders
    .flatMap((pid) => parentOf(pid) ?? [])
    .filter((pid) => commandLine(pid)?.[0]?.endsWith('conmon'));
  // Whole trees are found before any of it is killed: an orphan's parent says no more where it came from.
  const all = [...new Set([...conmons, ...orders])].flatMap((pid) => [pid, ...descendants(pid)]);
  for (const pid of all) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
}

/** Removes what runc keeps of containers it never finished restoring, and cannot delete itself. */
export async function removeRuncState(containers: readonly string[]): Promise<void> {
  for (const id of containers) {
    const folder = join(RUNC_ROOT, id);
    if (!existsSync(folder)) continue;
    await detachMountsBelow(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

function restoreOrders(containers: readonly string[]): number[] {
  return processIds(
    (args) =>
      ['conmon', 'runc'].includes(basename(args[0] ?? '')) &&
      args.includes('restore') &&
      containers.some((id) => args.includes(id)),
  );
}

function descendants(pid: number): number[] {
  const children = processIds((_, candidate) => parentOf(candidate) === pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}
