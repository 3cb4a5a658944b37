import type { CheckpointArchive } from '../checkpoint/index.ts';
import type { PodCheckpoint } from '../model/index.ts';

/** What an agent needs of a store of archives. */
export type Archive = Pick<CheckpointArchive, 'url' | 'encrypts' | 'upload' | 'download' | 'remove'>;

/** The archive of a checkpoint: tenants are namespaces, and no two checkpoints ever have the same UID. */
export function archiveOf({ metadata }: PodCheckpoint): { tenant: string; archive: string } {
  return { tenant: metadata.namespace ?? '', archive: metadata.uid };
}
