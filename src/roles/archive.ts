import { CheckpointArchive, openStore, readKeyFolder } from '../checkpoint/index.ts';
import type { Clock } from '../clock/index.ts';

/** Where an agent keeps copies of its checkpoints off the node. */
export interface ArchiveOptions {
  /** Folder, `s3://…`, `oci://…`. */
  store: string;
  /** Folder made by `fermata keys create`, the same on all nodes. */
  keys: string;
  /** Files that name recipients; none: archives are not encrypted. */
  encryptTo?: readonly string[] | undefined;
}

/** The archives of the store, with the keys of the folder. */
export async function archiveOf(dependencies: { clock: Clock }, options: ArchiveOptions): Promise<CheckpointArchive> {
  const keys = await readKeyFolder(options.keys, options.encryptTo ?? []);
  return new CheckpointArchive({
    store: await openStore(dependencies, options.store),
    clock: dependencies.clock,
    keys,
  });
}
