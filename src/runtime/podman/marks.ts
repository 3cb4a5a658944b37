import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What we know of one container and Podman does not; kept beside its log, so that it goes when the container goes. */
export interface ContainerMarks {
  /** A dump was begun: an end of the processes from now on is its doing until `recoverDump` has said otherwise. */
  dump?: { directory: string; leaveRunning: boolean };
  /** ms since the epoch at which its start was ordered; Podman notes one only when runc has returned, under load much later. */
  startedAt?: number;
  /** ms since the epoch at which it was brought back from a checkpoint. */
  restoredAt?: number;
  /** Its pod was removed, and none of its processes is left; what Podman keeps of it is still to be deleted. */
  removed?: true;
  /** The memory limit ended it; Podman's own flag stays false. */
  outOfMemory?: boolean;
}

/**
 * Made to be restored, and not let go yet: created, being restored, or back and still frozen. As seen from outside it has not
 * started, and it must not be started from scratch.
 */
export function awaitsRestore(container: { restore?: string; ended?: string }, marks: ContainerMarks): boolean {
  return container.restore !== undefined && container.ended === undefined && marks.restoredAt === undefined;
}

const FILE = 'fermata.json';

export function readMarks(userdata: string): ContainerMarks {
  try {
    return JSON.parse(readFileSync(join(userdata, FILE), 'utf8')) as ContainerMarks;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
}

/** Atomic: a reader sees the marks before or after, also when we are killed in between. */
function writeMarks(userdata: string, marks: ContainerMarks): void {
  const path = join(userdata, FILE);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify(marks), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Changes what `change` names; undefined takes a mark away. */
export function mark(
  userdata: string,
  change: { [Name in keyof ContainerMarks]?: ContainerMarks[Name] | undefined },
): void {
  const merged = Object.entries({ ...readMarks(userdata), ...change }).filter(([, value]) => value !== undefined);
  if (merged.length === 0) rmSync(join(userdata, FILE), { force: true });
  else writeMarks(userdata, Object.fromEntries(merged) as ContainerMarks);
}
