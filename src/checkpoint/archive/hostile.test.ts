import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FermataError } from '../../model/index.ts';
import type { BlobStore } from '../stores/blob-store.ts';
import { MemoryStore } from '../stores/memory-store.ts';
import { ArchiveGround, treeOf } from './testing-ground.ts';

const FILES = { 'main/pages-1.img': Buffer.alloc(4096, 'page'), 'main/a.img': randomBytes(120), b: randomBytes(40) };

async function contentOf(store: BlobStore, key: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.get(key)) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function keysOf(store: BlobStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys.sort();
}

/** It is refused with a reason, leaving nothing; or it comes back as it was, since what was altered is not part of it. */
async function judge(
  ground: ArchiveGround,
  store: BlobStore,
  expected: Map<string, string>,
): Promise<'refused' | 'whole'> {
  try {
    assert.deepEqual(treeOf(await ground.download(store, 'one')), expected);
    return 'whole';
  } catch (error) {
    if (!(error instanceof FermataError)) throw error;
    assert.match(error.code, /^(ArchiveCorrupt|ArchiveMissing|ArchiveKeyUnavailable|BlobTruncated)$/);
    assert.deepEqual(readdirSync(ground.root), ['source']);
    return 'refused';
  }
}

for (const how of ['encrypted', 'plain'] as const) {
  test(`a small archive, ${how}, with any byte altered or cut off anywhere, is refused or comes back whole`, async () => {
    using ground = new ArchiveGround(how);
    const store = new MemoryStore();
    const source = ground.directory('source', FILES);
    await ground.upload(store, source, 'one');
    const expected = treeOf(source);
    const outcomes = { refused: 0, whole: 0 };
    for (const key of await keysOf(store)) {
      const good = await contentOf(store, key);
      // The index behind a segment's records is for uploads that go on; archives do not need it.
      const isIndex = (at: number): boolean =>
        key.includes('/segments/') && at >= good.length - good.readUInt32BE(good.length - 8) - 8;
      for (let at = 0; at < good.length; at++) {
        // What is no part of the archive is tried here and there: each time all of it is written and flushed.
        if (isIndex(at) && at % 16 !== 0) continue;
        const altered = Buffer.from(good);
        altered[at] = (altered[at] ?? 0) ^ (1 << (at & 7));
        for (const bytes of [altered, good.subarray(0, at)]) {
          await store.put(key, bytes);
          const outcome = await judge(ground, store, expected);
          // zstd's frame has bits that mean nothing; what comes out of it is verified, encrypted or not.
          const isFrame = how === 'plain' && key.includes('/segments/') && bytes === altered;
          if (!isFrame) assert.equal(outcome, isIndex(at) ? 'whole' : 'refused', `${key}, byte ${at}`);
          outcomes[outcome] += 1;
          if (outcome === 'whole') ground.remove('restored-one');
        }
      }
      await store.put(key, good);
    }
    assert.ok(outcomes.refused > 1000, JSON.stringify(outcomes));
    assert.equal(await judge(ground, store, expected), 'whole');
  });
}

test('a segment that is cut behind any of its records, lacks one, has one twice or two exchanged, is refused', async () => {
  using ground = new ArchiveGround();
  const count = 6;
  ground.layout = { recordBytes: 65_536, segmentRecords: count };
  const store = new MemoryStore();
  const source = ground.directory('source', { 'main/pages-1.img': randomBytes(65_536 * count) });
  const expected = treeOf(source);
  await ground.upload(store, source, 'one');
  const segments = (await keysOf(store)).filter((key) => key.includes('/segments/'));
  const [key = ''] = segments;
  assert.equal(segments.length, 1);
  const good = await contentOf(store, key);
  const index = good.subarray(good.length - good.readUInt32BE(good.length - 8) - 8);
  // Pages of chance do not become smaller: all records are of one length.
  const recordBytes = (good.length - index.length) / count;
  assert.ok(Number.isInteger(recordBytes) && recordBytes > 65_536);
  const records = Array.from({ length: count }, (_, at) => good.subarray(at * recordBytes, (at + 1) * recordBytes));
  const spliced = (from: number, removed: number, ...put: (Buffer | undefined)[]): Buffer[] =>
    records.toSpliced(from, removed, ...put.filter((record) => record !== undefined));
  for (let at = 0; at < count; at++) {
    const spoilt = [
      Buffer.concat(records.slice(0, at)),
      Buffer.concat([...records.slice(0, at), index]),
      Buffer.concat([...spliced(at, 1), index]),
      Buffer.concat([...spliced(at, 0, records[at]), index]),
      Buffer.concat([...spliced(at, 1, records[(at + 1) % count]), index]),
      ...(at + 1 < count ? [Buffer.concat([...spliced(at, 2, records[at + 1], records[at]), index])] : []),
    ];
    for (const [how, bytes] of spoilt.entries()) {
      await store.put(key, bytes);
      // The last one once more, behind itself: each record is where it was.
      const isAsItWas = bytes.indexOf(Buffer.concat(records)) === 0;
      const outcome = await judge(ground, store, expected);
      assert.equal(outcome, isAsItWas ? 'whole' : 'refused', `record ${at}, way ${how}`);
      if (outcome === 'whole') ground.remove('restored-one');
    }
  }
  await store.put(key, good);
  assert.equal(await judge(ground, store, expected), 'whole');
});

test('segments that changed places, and a segment of another archive in the place of one, are refused', async () => {
  using ground = new ArchiveGround();
  ground.layout = { recordBytes: 65_536, segmentRecords: 1 };
  const store = new MemoryStore();
  const source = ground.directory('source', { 'main/pages-1.img': randomBytes(65_536 * 2) });
  const expected = treeOf(source);
  await ground.upload(store, source, 'one');
  const [one = '', two = ''] = (await keysOf(store)).filter((key) => key.includes('segments/one'));
  const [first, second] = [await contentOf(store, one), await contentOf(store, two)];
  await store.put(one, second);
  await store.put(two, first);
  assert.equal(await judge(ground, store, expected), 'refused');
  await ground.upload(store, source, 'other');
  const [other = ''] = (await keysOf(store)).filter((key) => key.includes('segments/other'));
  await store.put(one, await contentOf(store, other));
  await store.put(two, second);
  assert.equal(await judge(ground, store, expected), 'refused');
  await store.delete(one);
  assert.equal(await judge(ground, store, expected), 'refused');
  await store.put(one, first);
  assert.equal(await judge(ground, store, expected), 'whole');
});

/** Says of blobs, and gives, something else than they are. */
function lying(store: BlobStore, lies: Partial<BlobStore>): BlobStore {
  return {
    url: store.url,
    put: (...parameters) => store.put(...parameters),
    get: (...parameters) => store.get(...parameters),
    head: (...parameters) => store.head(...parameters),
    list: (...parameters) => store.list(...parameters),
    delete: (...parameters) => store.delete(...parameters),
    close: () => store.close(),
    ...lies,
  };
}

test('a store that lies about lengths is found out, on the way there and back', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', FILES);
  const expected = treeOf(source);
  await ground.upload(store, source, 'one');
  const longer = lying(store, {
    async *get(key, options) {
      yield* store.get(key, options);
      yield new Uint8Array(100);
    },
  });
  const shorter = lying(store, {
    async *get(key, options) {
      for await (const piece of store.get(key, options)) yield piece.subarray(0, piece.length - 1);
    },
  });
  const huge = lying(store, { head: async () => ({ size: Number.MAX_SAFE_INTEGER, modified: 0 }) });
  const empty = lying(store, { head: async () => ({ size: 0, modified: 0 }) });
  for (const liar of [longer, shorter, huge, empty]) {
    assert.equal(await judge(ground, liar, expected), 'refused');
    const sent = ground.upload(lying(liar, { head: (...parameters) => store.head(...parameters) }), source, 'two');
    if (liar === longer || liar === shorter) {
      await assert.rejects(sent, (error) => error instanceof FermataError && error.code === 'ArchiveCorrupt');
    } else await sent;
    assert.equal(existsSync(join(ground.root, 'restored-two')), false);
    await store.delete('team-a/archives/two/manifest');
  }
});

test('what a killed download left beside its place is replaced', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', FILES);
  await ground.upload(store, source, 'one');
  const left = join(ground.root, 'restored-one.fetching');
  mkdirSync(left);
  writeFileSync(join(left, 'half-a-page'), 'x');
  assert.deepEqual(treeOf(await ground.download(store, 'one')), treeOf(source));
  assert.equal(existsSync(left), false);
});
