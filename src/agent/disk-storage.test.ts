import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { diskStorage } from './disk-storage.ts';

const { signal } = new AbortController();

async function withFolder(use: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'fermata-storage-'));
  try {
    await use(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

test('a volume comes back with its modes and links, and without what was written since', () =>
  withFolder(async (root) => {
    const [volume, checkpoint] = [join(root, 'volume'), join(root, 'checkpoint')];
    await mkdir(join(volume, 'd'), { recursive: true });
    await writeFile(join(volume, 'd', 'state'), 'state at the dump', { mode: 0o640 });
    await symlink('d/state', join(volume, 'link'));
    await mkdir(checkpoint);
    await diskStorage.packVolume(volume, checkpoint, 'v', signal);
    await writeFile(join(volume, 'd', 'state'), 'state after it');
    await writeFile(join(volume, 'since'), 'x');
    await diskStorage.unpackVolume(checkpoint, 'v', volume, signal);
    assert.equal(await readFile(join(volume, 'd', 'state'), 'utf8'), 'state at the dump');
    assert.equal((await stat(join(volume, 'd', 'state'))).mode & 0o777, 0o640);
    assert.equal(await readlink(join(volume, 'link')), 'd/state');
    assert.deepEqual((await readdir(volume)).sort(), ['d', 'link']);
  }));

test('a volume of which nothing was put away is left alone', () =>
  withFolder(async (root) => {
    await writeFile(join(root, 'kept'), 'x');
    await diskStorage.packVolume(join(root, 'none'), root, 'v', signal);
    await diskStorage.unpackVolume(root, 'v', root, signal);
    assert.deepEqual(await readdir(root), ['kept']);
  }));

test('a volume is taken for as large as its archive becomes, and a hole takes nothing', () =>
  withFolder(async (root) => {
    const [volume, checkpoint] = [join(root, 'volume'), join(root, 'checkpoint')];
    await mkdir(join(volume, 'd'), { recursive: true });
    for (const name of ['a', 'b', 'd/c']) await writeFile(join(volume, name), Buffer.alloc(300_000, name));
    await writeFile(join(volume, 'hole'), '');
    await truncate(join(volume, 'hole'), 10_000_000);
    await mkdir(checkpoint);
    await diskStorage.packVolume(volume, checkpoint, 'v', signal);
    const archive = await stat(join(checkpoint, 'volumes', 'v.tar'));
    const expected = await diskStorage.volumeBytes(volume);
    assert.ok(Math.abs(expected - archive.size) < 50_000, `${expected} for ${archive.size}`);
    assert.equal(await diskStorage.volumeBytes(join(root, 'none')), 0);
  }));

test('a checkpoint is copied whole, over what an earlier try left', () =>
  withFolder(async (root) => {
    const [from, to] = [join(root, 'from'), join(root, 'elsewhere', 'to')];
    await mkdir(join(from, 'main'), { recursive: true });
    await writeFile(join(from, 'main', 'pages'), 'p');
    await mkdir(`${to}.copying`, { recursive: true });
    await writeFile(join(`${to}.copying`, 'half'), 'h');
    await diskStorage.copy(from, to, signal);
    assert.deepEqual(await readdir(to), ['main']);
    assert.deepEqual(await diskStorage.folders(join(root, 'elsewhere')), ['to']);
  }));

test('a copy that fails leaves nothing and says why', () =>
  withFolder(async (root) => {
    await assert.rejects(diskStorage.copy(join(root, 'none'), join(root, 'to'), signal), {
      code: 'CopyFailed',
      message: /cp -a .*No such file/,
    });
    assert.deepEqual(await readdir(root), []);
  }));

test('free space is that of the disk, and folders of a missing directory are none', () =>
  withFolder(async (root) => {
    assert.ok(((await diskStorage.freeBytes(root)) ?? 0) > 0);
    assert.deepEqual(await diskStorage.folders(join(root, 'none')), []);
  }));
