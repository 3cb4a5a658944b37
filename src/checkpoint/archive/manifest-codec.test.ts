import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { FermataError } from '../../model/index.ts';
import { CHUNK_ID_BYTES } from './constants.ts';
import type { ArchiveContents } from './contents.ts';
import { RunBuilder } from './contents.ts';
import { decodeContents, encodeContents } from './contents-codec.ts';
import { openManifest, sealManifest, verifyManifest } from './sealed-manifest.ts';

const NAME = { tenant: 'team-a', archive: 'uid-1' };
const SIGNING = generateKeyPairSync('ed25519').privateKey;
const TRUSTED = [createPublicKey(SIGNING)];
const DATA_KEY = randomBytes(32);

function contents(files = 2): ArchiveContents {
  const runs = new RunBuilder();
  runs.add(0, 0);
  runs.add(1, 1);
  const records = [
    {
      offset: 0,
      storedBytes: 9000,
      rawBytes: 8192,
      compression: 'none' as const,
      lengths: Uint32Array.of(4096, 2),
      ids: randomBytes(2 * CHUNK_ID_BYTES),
    },
  ];
  return {
    createdAt: '2026-11-22T12:00:00Z',
    generation: 3,
    metadata: { podUid: 'abc' },
    directories: ['main', 'main/checkpoint'],
    files: Array.from({ length: files }, (_, index) => ({
      path: `main/checkpoint/pages-${index}.img`,
      sizeBytes: 8192,
      chunkBytes: 4096,
      runs: runs.finish((record) => record),
    })),
    segments: [
      { name: `uid-1/${'0'.repeat(24)}`, sizeBytes: 9100, digest: randomBytes(32), key: randomBytes(32), records },
    ],
  };
}

function sealed(what = contents(), dataKey: Uint8Array | undefined = DATA_KEY): Buffer {
  return Buffer.concat([...sealManifest(NAME, what, { dataKey, signingKey: SIGNING })]);
}

/** Views of bytes as Buffers, whatever they are. */
function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

const isCorrupt = (error: unknown): boolean => error instanceof FermataError && error.code === 'ArchiveCorrupt';

for (const [how, dataKey] of Object.entries({ encrypted: DATA_KEY, plain: undefined })) {
  test(`a manifest, ${how}, says what was put into it`, () => {
    const expected = contents(3);
    const blob = Buffer.concat([...sealManifest(NAME, expected, { dataKey, signingKey: SIGNING })]);
    assert.deepEqual(plain(openManifest(verifyManifest(NAME, blob, TRUSTED), dataKey)), plain(expected));
    assert.equal(blob.includes('pages-0.img'), dataKey === undefined);
  });
}

test('a manifest is refused with any bit flipped, and cut anywhere', () => {
  const blob = sealed();
  for (let bit = 0; bit < blob.length * 8; bit++) {
    const flipped = Buffer.from(blob);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => verifyManifest(NAME, flipped, TRUSTED), isCorrupt);
  }
  for (let length = 0; length < blob.length; length++) {
    assert.throws(() => verifyManifest(NAME, blob.subarray(0, length), TRUSTED), isCorrupt);
  }
});

test('a manifest is refused under another name, from another signer, and with another data key', () => {
  const blob = sealed();
  assert.throws(() => verifyManifest({ ...NAME, archive: 'uid-2' }, blob, TRUSTED), isCorrupt);
  assert.throws(() => verifyManifest({ ...NAME, tenant: 'team-b' }, blob, TRUSTED), isCorrupt);
  const stranger = createPublicKey(generateKeyPairSync('ed25519').privateKey);
  assert.throws(() => verifyManifest(NAME, blob, [stranger]), isCorrupt);
  assert.throws(() => verifyManifest(NAME, blob, []), isCorrupt);
  const verified = verifyManifest(NAME, blob, TRUSTED);
  assert.throws(() => openManifest(verified, randomBytes(32)), isCorrupt);
  assert.throws(() => openManifest(verified, undefined), isCorrupt);
});

/** What a signer who was taken over could sign: the reader must stand it. */
test('contents that are wrong in themselves are refused though they are signed', () => {
  const wrong: Record<string, (what: ArchiveContents) => void> = {
    'a path that leads out': (what) => ((what.files[0] ?? assert.fail()).path = 'main/../../etc/passwd'),
    'an absolute path': (what) => ((what.files[0] ?? assert.fail()).path = '/etc/passwd'),
    'a path twice': (what) => ((what.files[1] ?? assert.fail()).path = 'main/checkpoint/pages-0.img'),
    'a file that is a folder too': (what) => ((what.files[0] ?? assert.fail()).path = 'main'),
    'a file in no folder': (what) => ((what.files[0] ?? assert.fail()).path = 'other/pages-0.img'),
    'a file longer than its chunks': (what) => ((what.files[0] ?? assert.fail()).sizeBytes = 12289),
    'chunks of any length': (what) => ((what.files[0] ?? assert.fail()).chunkBytes = 1),
    'a record that is not there': (what) => ((what.files[0] ?? assert.fail()).runs = Uint32Array.of(2, 2, 0)),
    'a chunk that is not there': (what) => ((what.files[0] ?? assert.fail()).runs = Uint32Array.of(2, 1, 1)),
    'a run of nothing': (what) => ((what.files[0] ?? assert.fail()).runs = Uint32Array.of(0, 1, 0, 2, 0, 0)),
    'a record beyond its segment': (what) => ((what.segments[0]?.records[0] ?? assert.fail()).storedBytes = 9101),
    'a record of gigabytes': (what) => ((what.segments[0]?.records[0] ?? assert.fail()).rawBytes = 2 ** 31),
    'chunks that do not fill their record': (what) =>
      ((what.segments[0]?.records[0] ?? assert.fail()).lengths = Uint32Array.of(4096, 1)),
    'a record of four thousand million chunks': (what) =>
      ((what.segments[0]?.records[0] ?? assert.fail()).lengths = Uint32Array.of(0, 0xffffffff)),
    'a short key': (what) => ((what.segments[0] ?? assert.fail()).key = randomBytes(16)),
    'a segment that is a path': (what) => ((what.segments[0] ?? assert.fail()).name = '../../other/manifest'),
    'no time': (what) => (what.createdAt = 'yesterday'),
  };
  for (const [sentence, spoil] of Object.entries(wrong)) {
    const what = contents();
    spoil(what);
    const blob = sealed(what);
    assert.throws(() => openManifest(verifyManifest(NAME, blob, TRUSTED), DATA_KEY), isCorrupt, sentence);
  }
});

test('contents of any bytes are refused in words, or are contents', () => {
  const good = Buffer.concat([...encodeContents(contents())]);
  const segments = contents().segments;
  const mutated = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 })
    .map((changes) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      return new Uint8Array(bytes);
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
      try {
        decodeContents(bytes, segments);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
