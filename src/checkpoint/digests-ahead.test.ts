import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, mkdtemp, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '../clock/index.ts';
import { CHUNK_BYTES } from './content-digest.ts';
import { DigestsAhead } from './digests-ahead.ts';
import { sealCheckpoint, verifyCheckpoint } from './manifest.ts';

const METADATA = { createdAt: '2026-01-01T00:00:00Z', containers: [] };
const PAGES = 'main/checkpoint/pages-1.img';

async function withDump(use: (directory: string, pages: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'fermata-ahead-'));
  try {
    await use(join(root, 'checkpoint'), join(root, 'checkpoint', PAGES));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Writes as CRIU does, a piece after the other, and follows until the given number of chunks is digested. */
async function dumpAndFollow(directory: string, pages: string, chunks: number): Promise<DigestsAhead> {
  const clock = new SystemClock();
  const ahead = new DigestsAhead(directory, clock);
  ahead.start();
  await clock.sleep(10); // the directory is not there yet
  await mkdir(join(directory, 'main', 'checkpoint'), { recursive: true });
  await writeFile(join(directory, 'main', 'checkpoint', 'inventory.img'), 'inventory');
  for (let half = 0; half < 2 * chunks; half++) await appendFile(pages, randomBytes(CHUNK_BYTES / 2));
  await clock.sleep(200);
  await appendFile(pages, 'the rest');
  await ahead.stop();
  return ahead;
}

const stateOf = (path: string) => stat(path, { bigint: true });

test('what was digested while it was written is the same as digested afterwards', () =>
  withDump(async (directory, pages) => {
    const ahead = await dumpAndFollow(directory, pages, 3);
    assert.equal(ahead.chunkDigests(PAGES, await stateOf(pages)).length, 3);
    const sealed = await sealCheckpoint(directory, METADATA, { ahead });
    assert.deepEqual(await sealCheckpoint(directory, METADATA), sealed);
    assert.deepEqual(await verifyCheckpoint(directory, sealed.digest), sealed);
  }));

test('a file that changed after the dump is digested anew', () =>
  withDump(async (directory, pages) => {
    const ahead = await dumpAndFollow(directory, pages, 2);
    const file = await open(pages, 'r+');
    await file.write('altered');
    await file.close();
    assert.deepEqual(ahead.chunkDigests(PAGES, await stateOf(pages)), []);
    assert.deepEqual(await sealCheckpoint(directory, METADATA, { ahead }), await sealCheckpoint(directory, METADATA));
    await truncate(pages, CHUNK_BYTES);
    assert.deepEqual(await sealCheckpoint(directory, METADATA, { ahead }), await sealCheckpoint(directory, METADATA));
  }));

test('following a dump that never comes, or is taken away, ends without a word', () =>
  withDump(async (directory, pages) => {
    const never = new DigestsAhead(directory, new SystemClock());
    never.start();
    await never.stop();
    await never.stop();
    const ahead = new DigestsAhead(directory, new SystemClock());
    ahead.start();
    await mkdir(join(directory, 'main', 'checkpoint'), { recursive: true });
    await writeFile(pages, randomBytes(CHUNK_BYTES));
    await new SystemClock().sleep(50);
    await rm(directory, { recursive: true });
    await ahead.stop();
  }));
