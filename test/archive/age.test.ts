import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  ageTexts,
  decodeDataKey,
  encodeDataKey,
  identityOf,
  newAgeIdentity,
  parseIdentities,
  parseRecipients,
} from '../../src/checkpoint/index.ts';
import { ageBinaries } from '../age-binary.ts';

const run = promisify(execFile);
const KEY = randomBytes(32);

test("Debian's age opens a key file that is also for certificates, with a key that age-keygen made", async () => {
  const { age, keygen } = await ageBinaries();
  const folder = await mkdtemp(join(tmpdir(), 'fermata-age-'));
  try {
    const secretFile = join(folder, 'key.txt');
    await run(keygen, ['-o', secretFile]);
    const { stdout: recipient } = await run(keygen, ['-y', secretFile]);
    const certified = ['rsa', 'ec'] as const;
    const others = [
      identityOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
      identityOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    ];
    assert.deepEqual(
      others.map((one) => one.recipient.kind),
      [...certified],
    );
    const recipients = [...others.map((one) => one.recipient), ...parseRecipients(recipient, 'age-keygen')];
    const file = join(folder, 'key.age');
    await writeFile(file, encodeDataKey('a-1', KEY, recipients));

    const { stdout } = await run(age, ['--decrypt', '--identity', secretFile, file]);
    assert.equal(stdout, `fermata data key v1\narchive a-1\nkey ${KEY.toString('hex')}\n`);
    const identities = parseIdentities(await readFile(secretFile, 'utf8'), secretFile);
    assert.deepEqual(Buffer.from(decodeDataKey('a-1', await readFile(file), identities)), KEY);

    await writeFile(secretFile, `${ageTexts(newAgeIdentity()).secret}\n`);
    await assert.rejects(run(age, ['--decrypt', '--identity', secretFile, file]), /no identity matched/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("what Debian's age encrypted for our key, we open", async () => {
  const { age } = await ageBinaries();
  const folder = await mkdtemp(join(tmpdir(), 'fermata-age-'));
  try {
    const identity = newAgeIdentity();
    const plain = join(folder, 'plain');
    await writeFile(plain, `fermata data key v1\narchive a-2\nkey ${KEY.toString('hex')}\n`);
    const file = join(folder, 'key.age');
    await run(age, ['--encrypt', '--recipient', ageTexts(identity).recipient, '--output', file, plain]);
    assert.deepEqual(Buffer.from(decodeDataKey('a-2', await readFile(file), [identity])), KEY);
  } finally {
    await rm(folder, { recursive: true });
  }
});
