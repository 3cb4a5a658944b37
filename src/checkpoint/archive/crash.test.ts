import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { seededRandom } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import { MemoryStore } from '../stores/memory-store.ts';
import { discardUpload } from './discard.ts';
import { Killed, MortalStore } from './testing-faulty-store.ts';
import { ArchiveGround, pages, treeOf } from './testing-ground.ts';

const SMALL = { recordBytes: 65_536, segmentRecords: 2 };
const UPLOADS = 700;
const DOWNLOADS = 400;
const SEED = 20_261_122;

async function keysOf(store: BlobStore, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys.sort();
}

async function unlessKilled<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Killed) return undefined;
    throw error;
  }
}

function sources(ground: ArchiveGround): { before: string; source: string } {
  const memory = pages(40, 1);
  const before = ground.directory('before', { 'pages-1.img': memory });
  randomBytes(30 * 4096).copy(memory, 5 * 4096);
  const source = ground.directory('source', {
    'main/pages-1.img': memory,
    'main/a.tar': randomBytes(70_000),
    'm.json': Buffer.from('{}'),
  });
  return { before, source };
}

test(`of ${UPLOADS} uploads that were killed at some moment none is restored torn; each goes on, or leaves nothing`, async () => {
  using ground = new ArchiveGround();
  ground.layout = SMALL;
  const random = seededRandom(SEED);
  const { before, source } = sources(ground);
  const expected = treeOf(source);
  const outcomes = { whole: 0, absent: 0, continued: 0, discarded: 0 };
  for (let trial = 0; trial < UPLOADS; trial++) {
    const store = new MemoryStore();
    await ground.upload(store, before, 'before');
    // Killed once or several times in a row.
    for (let death = 0; death <= Math.floor(random() * 3); death++) {
      const mortal = new MortalStore(store, 1 + Math.floor(random() * 50));
      await unlessKilled(ground.upload(mortal, source, 'one', { basedOn: ['before'] }));
    }
    try {
      assert.deepEqual(treeOf(await ground.download(store, 'one')), expected);
      outcomes.whole += 1;
    } catch (error) {
      assert.ok(error instanceof FermataError && error.code === 'ArchiveMissing', String(error));
      outcomes.absent += 1;
    }
    if (trial % 4 === 0 && (await store.head('team-a/archives/one/manifest')) === undefined) {
      await discardUpload(store, { tenant: 'team-a', archive: 'one' }, new AbortController().signal);
      for (const prefix of ['team-a/archives/one/', 'team-a/segments/one/', 'team-a/claims/']) {
        assert.deepEqual(await keysOf(store, prefix), []);
      }
      outcomes.discarded += 1;
      continue;
    }
    const sent = (await keysOf(store, 'team-a/segments/one/')).length;
    await ground.upload(store, source, 'one', { basedOn: ['before'] });
    const after = await keysOf(store, 'team-a/segments/one/');
    assert.deepEqual(treeOf(await ground.download(store, 'one')), expected);
    assert.deepEqual(await keysOf(store, 'team-a/claims/'), []);
    // What was there is not sent again: of the three segments none comes twice, but for a last one that was not full.
    assert.ok(after.length <= 4 + (sent > 0 ? 1 : 0), `${sent} before, ${after.length} after`);
    outcomes.continued += 1;
  }
  for (const [what, count] of Object.entries(outcomes)) assert.ok(count > 20, `${what}: ${count}`);
});

test(`of ${DOWNLOADS} downloads that were killed at some moment none leaves a directory that is not whole`, async () => {
  using ground = new ArchiveGround();
  ground.layout = SMALL;
  const random = seededRandom(SEED + 1);
  const { source } = sources(ground);
  const expected = treeOf(source);
  const store = new MemoryStore();
  await ground.upload(store, source, 'one');
  const target = `${ground.root}/restored-one`;
  const counted = new MortalStore(store, 1_000);
  await ground.download(counted, 'one');
  const steps = 1_000 - counted.left;
  rmSync(target, { recursive: true });
  let killed = 0;
  for (let trial = 0; trial < DOWNLOADS; trial++) {
    const mortal = new MortalStore(store, 1 + Math.floor(random() * steps * 1.3));
    const had = existsSync(target);
    const restored = await unlessKilled(ground.download(mortal, 'one'));
    if (restored === undefined) killed += 1;
    // What was there before stays until the new one is whole.
    assert.equal(existsSync(target), had || restored !== undefined);
    if (existsSync(target)) assert.deepEqual(treeOf(target), expected);
    assert.deepEqual(
      readdirSync(ground.root).filter((name) => name.includes('fetching')),
      [],
    );
  }
  assert.ok(killed > 50 && killed < DOWNLOADS - 50, `${killed} were killed`);
});
