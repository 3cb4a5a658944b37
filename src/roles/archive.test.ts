import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ageTexts, createKeyFolder, newAgeIdentity } from '../checkpoint/index.ts';
import { VirtualClock } from '../clock/index.ts';
import { type ArchiveOptions, NodeArchives } from './archive.ts';

let folder: string;
let keys: string;
const recipient = ageTexts(newAgeIdentity()).recipient;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fermata-archives-'));
  keys = join(folder, 'keys');
  await createKeyFolder(keys);
  writeFileSync(join(folder, 'officer.txt'), recipient);
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function withArchives(
  options: Omit<ArchiveOptions, 'keys'>,
  check: (archives: NodeArchives) => Promise<void>,
): Promise<void> {
  const archives = await NodeArchives.from({ clock: new VirtualClock() }, { ...options, keys });
  try {
    await check(archives);
  } finally {
    await archives.close();
  }
}

test('a node uses the store it was given, and those that policies may name, by any of their names, and no other', () =>
  withArchives(
    { store: '/srv/a', allowStores: ['file:///srv/b', 'oci://registry.example/c?http=true'] },
    async (archives) => {
      assert.equal(archives.defaultUrl, 'file:///srv/a');
      for (const url of ['/srv/a', 'file:///srv/a', 'file:///srv/b', 'oci://registry.example/c?http=true']) {
        assert.equal((await archives.open(url, [])).encrypts, false, url);
      }
      // What a status says is what the store calls itself.
      const { url } = await archives.open('oci://registry.example/c?http=true', []);
      assert.equal((await archives.open(url, [])).url, url);
      for (const other of ['file:///srv', 'file:///srv/b/below', 'file:///srv/a/../c', 's3://bucket', '/etc', '']) {
        await assert.rejects(archives.open(other, []), { code: 'StoreNotAllowed' }, other);
      }
    },
  ));

test('without a store of its own a node uses what policies name alone', () =>
  withArchives({ allowStores: ['/srv/b'] }, async (archives) => {
    assert.equal(archives.defaultUrl, undefined);
    assert.equal((await archives.open('file:///srv/b', [])).url, 'file:///srv/b');
  }));

test('what is stored is encrypted for whom the operator names, or a policy does', async () => {
  await withArchives({ store: '/srv/a', encryptTo: [join(folder, 'officer.txt')] }, async (archives) => {
    assert.equal((await archives.open('/srv/a', [])).encrypts, true);
  });
  await withArchives({ store: '/srv/a' }, async (archives) => {
    assert.equal((await archives.open('/srv/a', [recipient])).encrypts, true);
    assert.equal((await archives.open('/srv/a', [])).encrypts, false);
    await assert.rejects(archives.open('/srv/a', ['age1nobody']), { code: 'RecipientInvalid' });
  });
});

test('what is wrong with a URL or with keys is said when the node starts', async () => {
  const clock = new VirtualClock();
  await assert.rejects(NodeArchives.from({ clock }, { allowStores: ['ftp://x'], keys }), { code: 'StoreUrlInvalid' });
  await assert.rejects(NodeArchives.from({ clock }, { keys: join(folder, 'none') }), { code: 'KeysUnreadable' });
  const encryptTo = [join(keys, 'signing.pem')];
  await assert.rejects(NodeArchives.from({ clock }, { keys, encryptTo }), { code: 'RecipientInvalid' });
});
