import { join } from 'node:path';
import { CheckpointArchive, collectGarbage, DirectoryStore, readKeyFolder } from '../../src/checkpoint/index.ts';
import { SystemClock } from '../../src/clock/index.ts';

/**
 * A process to be killed: `archive-process.ts upload|download|gc ROOT NAME`. Below ROOT: `keys`, `recipients`, `store`, `source`. Says
 * `ready` when it begins and `done` when it is through.
 */
export const TENANT = 'team-a';
export const CREATED_AT = '2026-11-22T12:00:00Z';
/** The archive that is there before, and is downloaded. */
export const BEFORE = 'before';
export const NO_GRACE = { youngMilliseconds: 0, abandonedMilliseconds: 0 };

/** The archives below ROOT, and their store. */
export async function archivesOf(root: string): Promise<{ archive: CheckpointArchive; store: DirectoryStore }> {
  const clock = new SystemClock();
  const keys = await readKeyFolder(join(root, 'keys'), [join(root, 'recipients')]);
  const store = new DirectoryStore({ clock }, join(root, 'store'));
  return { archive: new CheckpointArchive({ store, clock, keys }), store };
}

if (import.meta.main) {
  const [what, root = '', name = ''] = process.argv.slice(2);
  const { archive, store } = await archivesOf(root);
  const { signal } = new AbortController();
  process.stdout.write('ready\n');
  if (what === 'upload') {
    const source = { directory: join(root, 'source'), createdAt: CREATED_AT, basedOn: [BEFORE] };
    await archive.upload({ tenant: TENANT, archive: name, ...source, signal });
  } else if (what === 'download') {
    await archive.download({ tenant: TENANT, archive: BEFORE, directory: join(root, name), signal });
  } else await collectGarbage(store, { signal, graces: NO_GRACE });
  process.stdout.write('done\n');
}
