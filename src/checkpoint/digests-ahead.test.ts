import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, open, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHUNK_BYTES, digestOfBytes } from './content-digest.ts';
import { DigestsAhead } from './digests-ahead.ts';
import { sealCheckpoint, verifyCheckpoint } from './manifest.ts';

const METADATA = { createdAt: '2026-01-01T00:00:00Z', containers: [] };
const PAGES = 'main/checkpoint/pages-1.img';

async function withDump(use: (directory: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'fermata-ahead-'));
  try {
    const directory = join(root, 'checkpoint');
    await mkdir(join(directory, 'main', 'checkpoint'), { recursive: true });
    await writeFile(join(directory, 'main', 'checkpoint', 'inventory.img'), 'inventory');
    await writeFile(join(directory, PAGES), randomBytes(2 * CHUNK_BYTES + 5));
    await use(directory);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Of a dump that is complete. */
function digestsAhead(directory: string): DigestsAhead {
  const ahead = new DigestsAhead(directory, { pause });
  ahead.complete();
  return ahead;
}

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function alter(path: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.write('altered');
  await file.close();
}

test('a checkpoint digested ahead has the manifest of one that was not', () =>
  withDump(async (directory) => {
    const ahead = digestsAhead(directory);
    await writeFile(join(directory, 'main', 'config.dump'), '{}'); // comes later, as other files of a dump do
    const sealed = await sealCheckpoint(directory, METADATA, { ahead });
    assert.deepEqual(sealed, await sealCheckpoint(directory, METADATA));
    assert.deepEqual(await verifyCheckpoint(directory, sealed.digest), sealed);
  }));

test('memory pages are digested ahead, and nothing else', () =>
  withDump(async (directory) => {
    const ahead = digestsAhead(directory);
    assert.match((await ahead.digestOf(PAGES)) ?? '', /^sha256:/);
    assert.equal(await ahead.digestOf('main/checkpoint/inventory.img'), undefined);
  }));

test('a file that changed since it was digested is digested anew', () =>
  withDump(async (directory) => {
    const path = join(directory, PAGES);
    const ahead = digestsAhead(directory);
    await ahead.digestOf(PAGES);
    await alter(path);
    assert.equal(await ahead.digestOf(PAGES), undefined);
    assert.deepEqual(await sealCheckpoint(directory, METADATA, { ahead }), await sealCheckpoint(directory, METADATA));
  }));

test('a digest counts for the very file it was taken of', () =>
  withDump(async (directory) => {
    const path = join(directory, PAGES);
    const ahead = digestsAhead(directory);
    await ahead.digestOf(PAGES);
    const { atime, mtime } = await stat(path);
    await rm(path);
    await writeFile(path, randomBytes(2 * CHUNK_BYTES + 5));
    await utimes(path, atime, mtime);
    assert.equal(await ahead.digestOf(PAGES), undefined);
  }));

test('a dump that is taken away meanwhile is no matter', () =>
  withDump(async (directory) => {
    const ahead = digestsAhead(directory);
    await rm(directory, { recursive: true });
    await ahead.digestOf('main/checkpoint/pages-2.img');
    await assert.rejects(sealCheckpoint(directory, METADATA, { ahead }), { code: 'CheckpointIncomplete' });
  }));

test('large files are digested by threads to the same digests', () =>
  withDump(async (directory) => {
    const bytes = randomBytes(9 * CHUNK_BYTES + 3_000_000);
    await writeFile(join(directory, 'main', 'checkpoint', 'pages-2.img'), bytes);
    await writeFile(join(directory, 'main', 'checkpoint', 'pages-3.img'), bytes.subarray(0, 5_000));
    const sealed = await sealCheckpoint(directory, METADATA, { ahead: digestsAhead(directory) });
    const digests = new Map(sealed.files.map(({ path, digest }) => [path, digest]));
    assert.equal(digests.get('main/checkpoint/pages-2.img'), digestOfBytes(bytes));
    assert.equal(digests.get('main/checkpoint/pages-3.img'), digestOfBytes(bytes.subarray(0, 5_000)));
    await alter(join(directory, 'main', 'checkpoint', 'pages-2.img'));
    await assert.rejects(verifyCheckpoint(directory), { code: 'CheckpointCorrupt' });
  }));

test('a dump that is still being written is followed to the digests of the whole', () =>
  withDump(async (directory) => {
    const path = join(directory, 'main', 'checkpoint', 'pages-2.img');
    const bytes = randomBytes(6 * CHUNK_BYTES + 777);
    let looks = 0;
    const ahead = new DigestsAhead(directory, {
      pause: async () => {
        looks += 1;
        await pause();
      },
    });
    for (let offset = 0; offset < bytes.length; offset += 3_000_000) {
      await appendFile(path, bytes.subarray(offset, offset + 3_000_000));
      const before = looks;
      while (looks < before + 2) await pause(); // it has seen that piece, and waits for the next
    }
    ahead.complete();
    assert.equal(await ahead.digestOf('main/checkpoint/pages-2.img'), digestOfBytes(bytes));
    assert.match((await ahead.digestOf(PAGES)) ?? '', /^sha256:/);
  }));

test('of a dump that failed nothing is known, and nothing is waited for', () =>
  withDump(async (directory) => {
    const ahead = new DigestsAhead(directory, { pause });
    ahead.abandon();
    assert.equal(await ahead.digestOf(PAGES), undefined);
  }));
