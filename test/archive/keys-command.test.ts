import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CheckpointArchive, DirectoryStore, readKeyFolder } from '../../src/checkpoint/index.ts';
import { SystemClock } from '../../src/clock/index.ts';
import { ageBinaries } from '../age-binary.ts';

const run = promisify(execFile);
const FERMATA = fileURLToPath(new URL('../../fermata', import.meta.url));

test('keys are made, an archive is rotated to a new recipient, and age opens its key file with nothing else', async () => {
  const { age, keygen } = await ageBinaries();
  const root = await mkdtemp(join(tmpdir(), 'fermata-keys-'));
  try {
    const keys = join(root, 'keys');
    const { stdout } = await run(FERMATA, ['keys', 'create', keys]);
    const [, recipient = ''] = /(age1\S+)/.exec(stdout) ?? [];
    assert.deepEqual((await readdir(keys)).sort(), ['chunk-ids.key', 'identity.txt', 'signing.pem']);
    for (const name of await readdir(keys)) assert.equal((await stat(join(keys, name))).mode & 0o777, 0o600);
    await assert.rejects(run(FERMATA, ['keys', 'create', keys]), /keys are not replaced/);

    await writeFile(join(root, 'old.txt'), recipient);
    const clock = new SystemClock();
    const store = join(root, 'store');
    const parts = { store: new DirectoryStore({ clock }, store), clock };
    const archive = new CheckpointArchive({ ...parts, keys: await readKeyFolder(keys, [join(root, 'old.txt')]) });
    const source = join(root, 'source');
    await mkdir(source);
    await writeFile(join(source, 'pages-1.img'), Buffer.alloc(8192, 'memory'));
    const signal = new AbortController().signal;
    const name = { tenant: 'lab', archive: 'uid-1' };
    await archive.upload({ ...name, directory: source, createdAt: '2026-11-22T12:00:00Z', signal });

    const next = join(root, 'next.txt');
    await run(keygen, ['-o', next]);
    await writeFile(join(root, 'next.pub'), (await run(keygen, ['-y', next])).stdout);
    const options = [
      '--store',
      store,
      '--identity',
      join(keys, 'identity.txt'),
      '--encrypt-to',
      join(root, 'next.pub'),
    ];
    const said = await run(FERMATA, ['keys', 'rotate', ...options, '-o', 'json']);
    const [rotated] = JSON.parse(said.stdout) as { archive: string; before: string[]; now: string[] }[];
    assert.equal(rotated?.archive, 'uid-1');
    assert.notDeepEqual(rotated?.before, rotated?.now);

    const keyFile = join(store, 'lab/archives/uid-1/key.age');
    const opened = await run(age, ['-d', '-i', next, keyFile]);
    assert.match(opened.stdout, /^fermata data key v1\narchive uid-1\nkey [0-9a-f]{64}\n$/);
    await assert.rejects(run(age, ['-d', '-i', join(keys, 'identity.txt'), keyFile]), /no identity matched/);
    const again = await run(FERMATA, ['keys', 'rotate', ...options]);
    assert.match(again.stdout, /lab\/uid-1 +as it was/);
    assert.match(await readFile(next, 'utf8'), /AGE-SECRET-KEY/);
  } finally {
    await rm(root, { recursive: true });
  }
});
