import { statfsSync } from 'node:fs';
import { FermataError } from '../model/index.ts';

/** Of a tmpfs (statfs(2)). */
const TMPFS_TYPE = 0x01021994;

/** Throws FermataError `CheckpointsOnDisk` unless the folder is on a tmpfs. */
export function mustBeInMemory(directory: string): void {
  if (statfsSync(directory).type === TMPFS_TYPE) return;
  throw new FermataError('CheckpointsOnDisk', `${directory} is on a disk, and with --images-in-memory it must not be`, {
    nextStep:
      'Mount a tmpfs there before the agent starts, large enough for what is dumped at once, on a node without swap.',
  });
}
