import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, statSync, symlinkSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '../../clock/index.ts';
import { FermataError } from '../../model/index.ts';
import { newAgeIdentity } from '../keys/identity.ts';
import { MemoryStore } from '../stores/memory-store.ts';
import { CheckpointArchive } from './checkpoint-archive.ts';
import { manifestKey } from './names.ts';
import { Killed, MortalStore } from './testing-faulty-store.ts';
import { ArchiveGround, pages, treeOf } from './testing-ground.ts';

const FILES = {
  'manifest.json': Buffer.from('{"formatVersion":1}\n'),
  'main/checkpoint/inventory.img': randomBytes(86),
  'main/checkpoint/empty.img': Buffer.alloc(0),
  'main/checkpoint/pages-1.img': pages(700, 1),
  'main/checkpoint/pages-2.img': Buffer.concat([pages(3, 2), randomBytes(100)]),
  'main/rootfs-diff.tar': Buffer.concat([Buffer.alloc(300_000), randomBytes(100_001)]),
};

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof FermataError && error.code === code;

async function blobsOf(store: MemoryStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys.sort();
}

for (const how of ['encrypted', 'plain'] as const) {
  test(`a checkpoint comes back from the store as it went, ${how}`, async () => {
    using ground = new ArchiveGround(how);
    const store = new MemoryStore();
    const source = ground.directory('source', FILES);
    const progress: number[] = [];
    const stored = await ground.upload(store, source, 'one', {
      onProgress: ({ doneBytes }) => progress.push(doneBytes),
    });
    assert.equal(stored.encrypted, how === 'encrypted');
    const restored = await ground.download(store, 'one', { digest: stored.digest });
    assert.deepEqual(treeOf(restored), treeOf(source));
    assert.equal(statSync(restored).mode & 0o777, 0o700);
    assert.equal(statSync(join(restored, 'manifest.json')).mode & 0o777, 0o600);
    assert.equal(
      progress.at(-1),
      Object.values(FILES).reduce((sum, { length }) => sum + length, 0),
    );
    assert.deepEqual(
      (await blobsOf(store)).filter((key) => key.includes('claims')),
      [],
    );
  });
}

test('threads do the same as one', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', { 'pages-1.img': pages(9000, 3), 'other.tar': randomBytes(3_000_000) });
  await ground.upload(store, source, 'one');
  assert.deepEqual(treeOf(await ground.download(store, 'one')), treeOf(source));
});

test('an encrypted archive shows neither content nor names of files', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const secret = 'the password is hunter2 ';
  const source = ground.directory('source', {
    'main/pages-1.img': Buffer.alloc(40_960, secret),
    'name-of-file': Buffer.from(secret),
  });
  await ground.upload(store, source, 'one', { compress: false });
  for (const key of await blobsOf(store)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of store.get(key)) pieces.push(piece);
    for (const text of ['hunter2', 'name-of-file', 'pages-1'])
      assert.equal(Buffer.concat(pieces).includes(text), false, key);
  }
});

test('a second checkpoint sends what changed, zeros cost nothing, and each comes back', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const memory = randomBytes(1000 * 4096);
  const first = ground.directory('first', { 'pages-1.img': Buffer.concat([memory, Buffer.alloc(400 * 4096)]) });
  const sent = await ground.upload(store, first, 'one');
  assert.ok(sent.sentBytes < 1010 * 4096 + 40_000, `${sent.sentBytes}`);
  const changed = Buffer.from(memory);
  for (let page = 0; page < 1000; page += 20) randomBytes(4096).copy(changed, page * 4096);
  const second = ground.directory('second', { 'pages-1.img': Buffer.concat([changed, Buffer.alloc(400 * 4096)]) });
  const again = await ground.upload(store, second, 'two', { basedOn: ['none', 'one'] });
  assert.ok(again.sentBytes * 10 < sent.sentBytes, `${again.sentBytes} of ${sent.sentBytes}`);
  assert.deepEqual(treeOf(await ground.download(store, 'one')), treeOf(first));
  assert.deepEqual(treeOf(await ground.download(store, 'two')), treeOf(second));
});

test('an archive is not based on one that is for others, of other encryption, or of another tenant', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', { 'pages-1.img': randomBytes(100 * 4096) });
  const { sentBytes } = await ground.upload(store, source, 'one');
  const skipped: string[] = [];
  const onSkipped = (_: string, reason: string): number => skipped.push(reason);
  const added = newAgeIdentity();
  const wider = new ArchiveGround();
  Object.assign(wider.keys, { ...ground.keys, recipients: [...ground.keys.recipients, added.recipient] });
  assert.ok((await wider.upload(store, source, 'wider', { basedOn: ['one'], onSkipped })).sentBytes >= sentBytes);
  Object.assign(wider.keys, { recipients: [] });
  assert.ok((await wider.upload(store, source, 'plain', { basedOn: ['one'], onSkipped })).sentBytes > 100 * 4096);
  wider[Symbol.dispose]();
  const elsewhere = await ground.upload(store, source, 'other', { tenant: 'team-b', basedOn: ['one'], onSkipped });
  assert.ok(elsewhere.sentBytes >= sentBytes - 1000);
  assert.deepEqual(skipped, [
    `it is not for ${added.recipient.keyId}`,
    'it is encrypted otherwise',
    'it is not in the store',
  ]);
});

test('an upload that is done again sends nothing and is the same archive', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', FILES);
  const first = await ground.upload(store, source, 'one');
  const again = await ground.upload(store, source, 'one');
  assert.deepEqual(again, { ...first, sentBytes: 0 });
});

test('what is missing, replayed, or for somebody else is refused, and nothing is left of it', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', FILES);
  const old = await ground.upload(store, source, 'one');
  await assert.rejects(ground.download(store, 'two'), hasCode('ArchiveMissing'));
  await assert.rejects(
    ground.download(store, 'one', { digest: `sha256:${'0'.repeat(64)}` }),
    hasCode('ArchiveCorrupt'),
  );
  // The manifest of one archive in the place of another's.
  await ground.upload(store, source, 'two', { basedOn: ['one'] });
  await store.put('team-a/archives/two/manifest', store.get(manifestKey({ tenant: 'team-a', archive: 'one' })));
  await assert.rejects(ground.download(store, 'two'), hasCode('ArchiveCorrupt'));
  const stranger = new ArchiveGround();
  Object.assign(stranger.keys, { trustedSigners: ground.keys.trustedSigners, chunkSecret: ground.keys.chunkSecret });
  await assert.rejects(stranger.download(store, 'one'), hasCode('ArchiveKeyUnavailable'));
  Object.assign(stranger.keys, {
    identities: ground.keys.identities,
    trustedSigners: stranger.keys.trustedSigners.slice(1),
  });
  await assert.rejects(stranger.download(store, 'one'), hasCode('ArchiveCorrupt'));
  assert.equal(existsSync(join(stranger.root, 'restored-one')), false);
  assert.equal(existsSync(join(stranger.root, 'restored-one.fetching')), false);
  stranger[Symbol.dispose]();
  await ground.download(store, 'one', { digest: old.digest });
});

test('a directory that holds links, or changes meanwhile, is not archived', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', FILES);
  symlinkSync('/etc/passwd', join(source, 'link'));
  await assert.rejects(ground.upload(store, source, 'one'), hasCode('CheckpointCorrupt'));
  await assert.rejects(ground.upload(store, join(source, 'none'), 'one'), hasCode('CheckpointIncomplete'));
  const large = ground.directory('large', { 'a.img': randomBytes(3_000_000), 'z.img': randomBytes(3_000_000) });
  const cut = ground.upload(store, large, 'two', { onProgress: () => truncateSync(join(large, 'z.img'), 10) });
  await assert.rejects(cut, hasCode('CheckpointCorrupt'));
  assert.equal(await store.head(manifestKey({ tenant: 'team-a', archive: 'two' })), undefined);
});

test('names that lead elsewhere are no names', async () => {
  using ground = new ArchiveGround();
  const source = ground.directory('source', FILES);
  for (const archive of ['', '..', 'a/b', 'A', 'a'.repeat(200)]) {
    await assert.rejects(ground.upload(new MemoryStore(), source, archive), hasCode('ArchiveNameInvalid'));
  }
});

test('an archive that is removed again, or stored again after that, takes nothing from those that are based on it', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', { 'pages-1.img': pages(100, 1) });
  await ground.upload(store, source, 'one');
  const two = await ground.upload(store, source, 'two', { basedOn: ['one'] });
  assert.ok(two.sentBytes < 5_000, `${two.sentBytes}`);
  const archive = new CheckpointArchive({ store, clock: new SystemClock(), keys: ground.keys });
  const signal = new AbortController().signal;
  // A finalizer that could not be written the first time has it done once more.
  for (let again = 0; again < 2; again++) await archive.remove({ tenant: 'team-a', archive: 'one' }, signal);
  assert.deepEqual(treeOf(await ground.download(store, 'two')), treeOf(source));
  const cut = new MortalStore(store, 12);
  await assert.rejects(ground.upload(cut, ground.directory('next', { 'pages-1.img': pages(100, 2) }), 'one'), Killed);
  assert.notEqual(await store.head('team-a/claims/one'), undefined);
  await archive.remove({ tenant: 'team-a', archive: 'one' }, signal);
  assert.deepEqual(treeOf(await ground.download(store, 'two')), treeOf(source));
  assert.deepEqual(
    (await blobsOf(store)).filter((key) => key.includes('claims') || key.includes('archives/one')),
    [],
  );
});

test('a store holds an archive as long as manifest, key file and every segment are what they were', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const directory = ground.directory('source', FILES);
  const { digest } = await ground.upload(store, directory, 'one');
  const archive = new CheckpointArchive({ store, clock: new SystemClock(), keys: ground.keys });
  const { signal } = new AbortController();
  const name = { tenant: 'team-a', archive: 'one' };
  assert.equal(await archive.holds({ ...name, digest }, signal), true);
  assert.equal(await archive.holds({ ...name, digest: `sha256:${'0'.repeat(64)}` }, signal), false);
  assert.equal(await archive.holds({ tenant: 'team-a', archive: 'two', digest }, signal), false);
  for (const key of await blobsOf(store)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of store.get(key)) pieces.push(piece);
    await store.delete(key);
    assert.equal(await archive.holds({ ...name, digest }, signal), false, `without ${key}`);
    if (key.includes('/segments/')) {
      await store.put(key, Buffer.concat(pieces).subarray(1));
      assert.equal(await archive.holds({ ...name, digest }, signal), false, `with ${key} cut`);
    }
    await store.put(key, Buffer.concat(pieces));
  }
  assert.equal(await archive.holds({ ...name, digest }, signal), true);
});
