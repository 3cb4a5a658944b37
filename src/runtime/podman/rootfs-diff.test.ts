import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from './command.ts';
import { rootfsChanges, writeRootfsDiff } from './rootfs-diff.ts';

test('what was added, changed and removed in an overlay is found, also in a folder made anew', {
  skip: process.getuid?.() !== 0 ? 'an overlay can be mounted by root only' : false,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-overlay-'));
  const overlay = join(folder, 'overlay');
  const lower = join(overlay, 'l', 'LOWER');
  const layer = join(overlay, 'layer');
  const merged = join(layer, 'merged');
  try {
    for (const path of [
      join(lower, 'etc'),
      join(lower, 'kept'),
      join(lower, 'anew'),
      merged,
      join(layer, 'diff'),
      join(layer, 'work'),
    ]) {
      await mkdir(path, { recursive: true });
    }
    for (const path of ['etc/group', 'etc/passwd', 'kept/file', 'anew/old'])
      await writeFile(join(lower, path), 'image');
    await writeFile(join(layer, 'lower'), 'l/LOWER');
    const options = `lowerdir=${lower},upperdir=${join(layer, 'diff')},workdir=${join(layer, 'work')}`;
    const mounted = await runCommand('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
    assert.equal(mounted.status, 0, mounted.stderr);
    try {
      await unlink(join(merged, 'etc/group'));
      await writeFile(join(merged, 'etc/passwd'), 'changed');
      await writeFile(join(merged, 'etc/hosts'), 'a mount point');
      await writeFile(join(merged, 'new file'), 'new');
      await mkdir(join(merged, 'made/inner'), { recursive: true });
      await unlink(join(merged, 'anew/old'));
      await rmdir(join(merged, 'anew'));
      await mkdir(join(merged, 'anew'));
      await writeFile(join(merged, 'anew/fresh'), 'x');
    } finally {
      await runCommand('umount', [merged]);
    }
    const changes = await rootfsChanges(merged, ['/etc/hosts', '/proc']);
    assert.deepEqual([...changes.changed].sort(), ['anew/fresh', 'etc/passwd', 'made', 'made/inner', 'new file']);
    assert.deepEqual([...changes.deleted].sort(), ['/anew/old', '/etc/group']);
    await writeRootfsDiff(merged, changes, folder);
    const { stdout } = await runCommand('tar', ['-tf', join(folder, 'rootfs-diff.tar')]);
    assert.deepEqual(stdout.trim().split('\n').sort(), [
      'anew/fresh',
      'etc/passwd',
      'made/',
      'made/inner/',
      'new file',
    ]);
    assert.deepEqual(JSON.parse(await readFile(join(folder, 'deleted.files'), 'utf8')).sort(), [
      '/anew/old',
      '/etc/group',
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
