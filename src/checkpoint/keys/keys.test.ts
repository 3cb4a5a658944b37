import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { FermataError } from '../../model/index.ts';
import { decodeAgeFile, encodeAgeFile } from './age-file.ts';
import { bech32, fromBech32 } from './bech32.ts';
import { decodeDataKey, encodeDataKey, recipientIds } from './data-key-file.ts';
import { ageTexts, type Identity, identityOf, newAgeIdentity, parseIdentities } from './identity.ts';
import { parseRecipients, type Recipient } from './recipient.ts';

const KEY = randomBytes(32);
const IDENTITIES: Record<string, Identity> = {
  age: newAgeIdentity(),
  rsa: identityOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
  'EC P-256': identityOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
  'EC P-384': identityOf(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
};
const ALL = Object.values(IDENTITIES);
const RECIPIENTS: Recipient[] = ALL.map(({ recipient }) => recipient);

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof FermataError && error.code === code;
}

test('bech32 gives back what it was given, and notices every mistyped character', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), fc.nat(), (bytes, where) => {
      const text = bech32('age', bytes);
      assert.deepEqual(Buffer.from(fromBech32('age', text)), Buffer.from(bytes));
      assert.deepEqual(Buffer.from(fromBech32('age', text.toUpperCase())), Buffer.from(bytes));
      const at = 4 + (where % (text.length - 4));
      const mistyped = `${text.slice(0, at)}${text[at] === 'q' ? 'p' : 'q'}${text.slice(at + 1)}`;
      assert.throws(() => fromBech32('age', mistyped), RangeError);
    }),
  );
});

test("bech32 of BIP 173's own vectors", () => {
  assert.equal(Buffer.from(fromBech32('a', 'A12UEL5L')).length, 0);
  assert.throws(() => fromBech32('a', 'A1G7SGD8'), RangeError);
  assert.throws(() => fromBech32('a', 'a12UEL5L'), RangeError);
});

for (const [kind, identity] of Object.entries(IDENTITIES)) {
  test(`a data key for many is opened by the ${kind} identity alone`, () => {
    const file = encodeDataKey('a-1', KEY, RECIPIENTS);
    assert.deepEqual(Buffer.from(decodeDataKey('a-1', file, [identity])), KEY);
    const without = encodeDataKey(
      'a-1',
      KEY,
      RECIPIENTS.filter((one) => one !== identity.recipient),
    );
    assert.throws(() => decodeDataKey('a-1', without, [identity]), hasCode('ArchiveKeyUnavailable'));
  });
}

test('a data key file says for whom it is, and belongs to one archive', () => {
  const file = encodeDataKey('a-1', KEY, RECIPIENTS);
  assert.deepEqual(recipientIds('a-1', file), RECIPIENTS.map(({ keyId }) => keyId).sort());
  assert.throws(() => decodeDataKey('a-2', file, ALL), hasCode('ArchiveCorrupt'));
});

test('a data key file of which any bit was flipped, or that was cut, gives no key', () => {
  const file = encodeDataKey('a-1', KEY, [newAgeIdentity().recipient, ...RECIPIENTS.slice(0, 1)]);
  const identity = ALL.slice(0, 1);
  const refused = (bytes: Uint8Array): void =>
    assert.throws(
      () => decodeDataKey('a-1', bytes, identity),
      (error) => error instanceof FermataError,
    );
  for (let bit = 0; bit < file.length * 8; bit++) {
    const flipped = Buffer.from(file);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    refused(flipped);
  }
  for (let length = 0; length < file.length; length++) refused(file.subarray(0, length));
});

test('an age file keeps payloads up to one chunk and refuses longer ones', () => {
  const unwrap = (): Uint8Array => fileKeys[0] ?? new Uint8Array();
  const fileKeys: Uint8Array[] = [];
  for (const length of [0, 1, 65536]) {
    fileKeys.length = 0;
    const payload = randomBytes(length);
    const file = encodeAgeFile(payload, (fileKey) => {
      fileKeys.push(fileKey);
      return [{ type: 'test', arguments: [], body: randomBytes(48) }];
    });
    assert.deepEqual(Buffer.from(decodeAgeFile(file, unwrap) ?? []), payload);
  }
  assert.throws(() => encodeAgeFile(randomBytes(65537), () => []), RangeError);
});

test('bytes of any kind are no data key file and say so', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.throws(() => decodeDataKey('a-1', bytes, ALL), hasCode('ArchiveCorrupt'));
    }),
  );
});

test('keys go through their text forms: age lines and PEM, comments between', () => {
  const age = newAgeIdentity();
  const { secret, recipient } = ageTexts(age);
  assert.match(secret, /^AGE-SECRET-KEY-1[A-Z0-9]{58}$/);
  assert.match(recipient, /^age1[a-z0-9]{58}$/);
  const pem = ALL.slice(1).map(({ privateKey }) => privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const identities = parseIdentities(`# created: today\n${secret}\n${pem.join('')}`, 'test');
  assert.deepEqual(
    new Set(identities.map((one) => one.recipient.keyId)),
    new Set([age, ...ALL.slice(1)].map((one) => one.recipient.keyId)),
  );
  const publicPem = ALL.slice(1).map((one) => one.recipient.publicKey.export({ format: 'pem', type: 'spki' }));
  const recipients = parseRecipients(`\n# ours\n${recipient}\n${publicPem.join('')}`, 'test');
  assert.deepEqual(recipients.map(({ kind }) => kind).sort(), ['age', 'ec', 'ec', 'rsa']);
});

test('what cannot be a recipient or an identity is refused with the reason', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'pem', type: 'spki' });
  const signing = generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' });
  for (const text of ['', '# nobody', 'age1qqqq', 'ssh-ed25519 AAAA', String(weak), String(signing)]) {
    assert.throws(() => parseRecipients(text, 'test'), hasCode('RecipientInvalid'), text);
    assert.throws(() => parseIdentities(text, 'test'), hasCode('IdentityInvalid'), text);
  }
});

test('a certificate receives for its private key', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fermata-keys-'));
  try {
    const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=node-a', '-days', '1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...files, ...subject], { stdio: 'ignore' });
    const recipients = parseRecipients(readFileSync(join(folder, 'cert.pem'), 'utf8'), 'cert.pem');
    const identities = parseIdentities(readFileSync(join(folder, 'key.pem'), 'utf8'), 'key.pem');
    assert.deepEqual(Buffer.from(decodeDataKey('a-1', encodeDataKey('a-1', KEY, recipients), identities)), KEY);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
