import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '../../clock/index.ts';
import { blobStoreCompliance, collect } from './compliance/blob-store-compliance.ts';
import { DirectoryStore } from './directory-store.ts';

const dependencies = { clock: new SystemClock() };

async function inFolder(check: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-store-'));
  try {
    await check(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

blobStoreCompliance('directory', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-store-'));
  return {
    store: new DirectoryStore(dependencies, join(folder, 'made', 'when', 'needed')),
    again: async () => new DirectoryStore(dependencies, join(folder, 'made', 'when', 'needed')),
    close: () => rm(folder, { recursive: true, force: true }),
  };
});

test('blobs are readable by their owner alone', () =>
  inFolder(async (folder) => {
    const store = new DirectoryStore(dependencies, join(folder, 'store'));
    await store.put('a/b', Buffer.from('secret'));
    assert.equal((await stat(join(folder, 'store', 'a', 'b'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder, 'store', 'a'))).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, 'store'))).mode & 0o777, 0o700);
  }));

test('a writer that is killed at any moment leaves a whole blob or none, and its draft is swept when it is old', () =>
  inFolder(async (folder) => {
    const store = new DirectoryStore(dependencies, folder);
    const program = `
      import { DirectoryStore } from ${JSON.stringify(join(import.meta.dirname, 'directory-store.ts'))};
      const store = new DirectoryStore({ clock: Date }, ${JSON.stringify(folder)});
      for (let round = 0; ; round++) {
        await store.put('k' + (round % 3), (async function* () {
          for (let piece = 0; piece < 64; piece++) yield new Uint8Array(16384).fill(round % 251);
        })());
        console.log(round);
      }`;
    for (const delay of [0, 3, 7]) {
      const child = spawn(process.execPath, [
        '--disable-warning=ExperimentalWarning',
        '--input-type=module',
        '-e',
        program,
      ]);
      await lines(child, 4);
      await new Promise((resolve) => setTimeout(resolve, delay));
      child.kill('SIGKILL');
      await once(child, 'close');
      for await (const { key, size } of store.list('')) {
        assert.equal(size, 64 * 16384);
        assert.equal(new Set(await collect(store.get(key))).size, 1, `${key} is of one round`);
      }
    }
    await mkdir(join(folder, '~drafts'), { recursive: true });
    await writeFile(join(folder, '~drafts', 'old'), 'x'.repeat(100));
    await utimes(join(folder, '~drafts', 'old'), 1, 1);
    await writeFile(join(folder, '~drafts', 'young'), 'x');
    assert.equal(await store.sweep(3_600_000), 100);
    const left = await readdir(join(folder, '~drafts'));
    assert.ok(left.includes('young') && !left.includes('old'));
  }));

test('a disk that is full is named as such, and no draft is left', async () =>
  inFolder(async (folder) => {
    const store = new DirectoryStore(dependencies, folder);
    const full = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('begun');
      throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    };
    await assert.rejects(store.put('k', full()), { code: 'StoreFull' });
    assert.deepEqual(await readdir(join(folder, '~drafts')), []);
  }));

async function lines(child: ChildProcess, count: number): Promise<void> {
  let seen = 0;
  for await (const piece of child.stdout ?? []) {
    seen += String(piece).split('\n').length - 1;
    if (seen >= count) return;
  }
  assert.fail('the writer ended early');
}
