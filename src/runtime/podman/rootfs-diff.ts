import { existsSync } from 'node:fs';
import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { FermataError } from '../../model/index.ts';
import { runCommand } from './command.ts';

/** What the container's processes changed in its root file system, relative to its image. */
export interface RootfsChanges {
  /** Files and folders added or changed, relative, parents before children. */
  changed: string[];
  /** Paths of the image that are gone, absolute in the container, as Podman's archives list them. */
  deleted: string[];
}

/**
 * Reads the overlay's upper layer: whiteouts are character devices 0/0 (kernel, overlayfs.rst). Mount points made for the
 * container, and Podman's own files, are left out: the next incarnation has them again.
 */
export async function rootfsChanges(mergedPath: string, mountPoints: readonly string[]): Promise<RootfsChanges> {
  const layer = dirname(mergedPath);
  const lowers = await lowerLayers(layer);
  const own = new Set([...mountPoints.map((path) => path.replace(/^\/+/, '')), 'etc/mtab', 'run/.containerenv']);
  const changes: RootfsChanges = { changed: [], deleted: [] };
  const walk = async (relative: string): Promise<void> => {
    for (const entry of await readdir(join(layer, 'diff', relative), { withFileTypes: true })) {
      const path = relative === '' ? entry.name : `${relative}/${entry.name}`;
      if (own.has(path)) continue;
      if (entry.isCharacterDevice() && (await lstat(join(layer, 'diff', path))).rdev === 0) {
        changes.deleted.push(`/${path}`);
        continue;
      }
      const inImage = lowers.some((lower) => existsSync(join(lower, path)));
      if (!entry.isDirectory()) changes.changed.push(path);
      else {
        // A folder of the image appears in the upper layer when something in it changed; made by hand it is a change itself.
        const before: string[] = inImage ? await hiddenByFolder(lowers, mergedPath, path) : [];
        changes.deleted.push(...before);
        if (!inImage) changes.changed.push(path);
        await walk(path);
      }
    }
  };
  await walk('');
  return changes;
}

/** Writes `rootfs-diff.tar` and `deleted.files` where there is something to write. */
export async function writeRootfsDiff(mergedPath: string, changes: RootfsChanges, directory: string): Promise<void> {
  if (changes.deleted.length > 0) await writeFile(join(directory, 'deleted.files'), JSON.stringify(changes.deleted));
  if (changes.changed.length === 0) return;
  const upper = join(dirname(mergedPath), 'diff');
  const result = await runCommand(
    'tar',
    [
      '-C',
      upper,
      '--no-recursion',
      '--null',
      '--numeric-owner',
      '--sparse',
      '-T',
      '-',
      '-cf',
      join(directory, 'rootfs-diff.tar'),
    ],
    { input: changes.changed.map((path) => `${path}\0`).join('') },
  );
  if (result.status !== 0) {
    throw new FermataError(
      'DumpFailed',
      `The changes of the root file system could not be saved: ${tarReason(result.stderr)}`,
    );
  }
}

/** GNU tar tells a full disk only by how much it could still write, and always adds that it gives up. */
function tarReason(stderr: string): string {
  const [first = ''] = stderr.trim().split('\n');
  return /Wrote only \d+ of \d+ bytes/.test(first) ? `No space left on device (${first})` : first;
}

/** Folders of the layers below, the uppermost first, from the file in which the storage library notes them. */
async function lowerLayers(layer: string): Promise<string[]> {
  const text = await readFile(join(layer, 'lower'), 'utf8');
  const overlay = dirname(layer);
  return text
    .trim()
    .split(':')
    .map((link) => join(overlay, link));
}

/**
 * Entries of the image in a folder that was removed and made anew ("opaque"), which hides them without whiteouts. The mark is
 * an attribute only root's tools read; but what it hides is not to be seen where the layers are mounted. Without that mount
 * the attribute is read by tar, the one tool that is always there.
 */
async function hiddenByFolder(lowers: readonly string[], mergedPath: string, path: string): Promise<string[]> {
  const upper = join(dirname(mergedPath), 'diff');
  const visible = new Set(await readdir(join(upper, path)));
  const hidden = new Set<string>();
  for (const lower of lowers) {
    const names = await readdir(join(lower, path)).catch(() => []);
    for (const name of names) if (!visible.has(name)) hidden.add(name);
  }
  if (hidden.size === 0) return [];
  const paths = [...hidden].map((name) => `/${path}/${name}`);
  const merged = await readdir(join(mergedPath, path)).catch(() => undefined);
  if (merged !== undefined) return merged.some((name) => hidden.has(name)) ? [] : paths;
  const { stdout } = await runCommand('tar', [
    ...['-C', join(upper, dirname(path)), '--no-recursion', '--format=posix', '--xattrs'],
    ...['--xattrs-include=trusted.overlay.opaque', '-cf', '-', basename(path)],
  ]);
  return /trusted\.overlay\.opaque=y/.test(stdout) ? paths : [];
}
