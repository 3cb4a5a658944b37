import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { FermataError } from '../../model/index.ts';
import { ArchiveGround, treeOf } from '../archive/testing-ground.ts';
import { MemoryStore } from '../stores/memory-store.ts';
import { newAgeIdentity } from './identity.ts';
import { type Rotated, rotateKeys } from './rotate.ts';

const signal = new AbortController().signal;
const isUnavailable = (error: unknown): boolean =>
  error instanceof FermataError && error.code === 'ArchiveKeyUnavailable';

async function contentOf(store: MemoryStore, key: string): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.get(key)) pieces.push(piece);
  return Buffer.concat(pieces).toString('base64');
}

test('after a rotation the new recipient reads, the old one does not, and no data was touched', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', { 'pages-1.img': randomBytes(100_000) });
  await ground.upload(store, source, 'one');
  await ground.upload(store, source, 'two', { tenant: 'team-b' });
  const before = new Map<string, string>();
  for await (const { key } of store.list('')) before.set(key, await contentOf(store, key));

  const next = newAgeIdentity();
  const old = ground.identity.recipient.keyId;
  const told: Rotated[] = [];
  const keys = { identities: [ground.identity], recipients: [next.recipient] };
  await rotateKeys(store, keys, { dryRun: true, signal }, (one) => told.push(one));
  for (const [key, content] of before) assert.equal(await contentOf(store, key), content);
  await rotateKeys(store, keys, { signal }, (one) => told.push(one));
  const facts = { before: [old], now: [next.recipient.keyId] };
  const each = [
    { tenant: 'team-a', archive: 'one', ...facts },
    { tenant: 'team-b', archive: 'two', ...facts },
  ];
  assert.deepEqual(told, [...each, ...each]);

  for (const [key, content] of before)
    assert.equal((await contentOf(store, key)) === content, !key.endsWith('key.age'), key);
  await assert.rejects(ground.download(store, 'one'), isUnavailable);
  Object.assign(ground.keys, { identities: [next] });
  assert.deepEqual(treeOf(await ground.download(store, 'one')), treeOf(source));
  // Done again, it finds nothing to do, and needs no key for that.
  await rotateKeys(store, { ...keys, identities: [] }, { signal }, () => undefined);
});

test('a rotation of one namespace leaves the others as they are', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  const source = ground.directory('source', { a: randomBytes(10) });
  for (const tenant of ['team', 'team-b']) await ground.upload(store, source, 'one', { tenant });
  const before = await contentOf(store, 'team-b/archives/one/key.age');
  const keys = { identities: [ground.identity], recipients: [newAgeIdentity().recipient] };
  const told: Rotated[] = [];
  await rotateKeys(store, keys, { tenant: 'team', signal }, (one) => told.push(one));
  assert.deepEqual(
    told.map(({ tenant }) => tenant),
    ['team'],
  );
  assert.equal(await contentOf(store, 'team-b/archives/one/key.age'), before);
});

test('a rotation by somebody who cannot read changes nothing', async () => {
  using ground = new ArchiveGround();
  const store = new MemoryStore();
  await ground.upload(store, ground.directory('source', { a: randomBytes(10) }), 'one');
  const before = await contentOf(store, 'team-a/archives/one/key.age');
  const stranger = newAgeIdentity();
  const keys = { identities: [stranger], recipients: [stranger.recipient] };
  await assert.rejects(
    rotateKeys(store, keys, { signal }, () => undefined),
    isUnavailable,
  );
  assert.equal(await contentOf(store, 'team-a/archives/one/key.age'), before);
});
