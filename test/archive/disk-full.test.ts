import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  ageTexts,
  CheckpointArchive,
  createKeyFolder,
  DirectoryStore,
  newAgeIdentity,
  readKeyFolder,
} from '../../src/checkpoint/index.ts';
import { SystemClock } from '../../src/clock/index.ts';
import { FermataError } from '../../src/model/index.ts';

const run = promisify(execFile);
/** Four segments: there is room for the two that are sent at once. */
const MEMORY = randomBytes(48 * 1024 * 1024);
const NAME = { tenant: 'team-a', archive: 'one' };

test('a disk that is full refuses an upload and a download whole, and both go on when it has room', async () => {
  const root = await mkdtemp(join(tmpdir(), 'fermata-full-'));
  const small = join(root, 'small');
  const { signal } = new AbortController();
  await mkdir(small);
  await run('mount', ['-t', 'tmpfs', '-o', 'size=28m,mode=0700', 'fermata-full', small]);
  const grow = (size: string) => run('mount', ['-o', `remount,size=${size}`, small]);
  try {
    await createKeyFolder(join(root, 'keys'));
    await writeFile(join(root, 'recipients'), `${ageTexts(newAgeIdentity()).recipient}\n`);
    const clock = new SystemClock();
    const keys = await readKeyFolder(join(root, 'keys'), [join(root, 'recipients')]);
    const store = new DirectoryStore({ clock }, join(small, 'store'));
    const archive = new CheckpointArchive({ store, clock, keys });
    const directory = join(root, 'source');
    await mkdir(directory);
    await writeFile(join(directory, 'pages-1.img'), MEMORY);
    const createdAt = '2026-11-22T12:00:00Z';
    const upload = () => archive.upload({ ...NAME, directory, createdAt, signal });
    await assert.rejects(upload(), (error) => error instanceof FermataError && error.code === 'StoreFull');
    assert.deepEqual(await readdir(join(small, 'store', '~drafts')), []);
    await grow('80m');
    const { sentBytes } = await upload();
    assert.ok(sentBytes < MEMORY.length, `${sentBytes} bytes sent again`);

    const back = join(small, 'back');
    const { bavail } = await statfs(small);
    await assert.rejects(archive.download({ ...NAME, directory: back, signal }), { code: 'ENOSPC' });
    assert.deepEqual([await readdir(small), (await statfs(small)).bavail], [['store'], bavail]);
    await grow('140m');
    await archive.download({ ...NAME, directory: back, signal });
    assert.ok((await readFile(join(back, 'pages-1.img'))).equals(MEMORY));
  } finally {
    await run('umount', [small]);
    await rm(root, { recursive: true, force: true });
  }
});
