import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { compressed, decompressed, decrypted, encrypted, type RecordPlace } from './record.ts';

const KEY = Buffer.alloc(32, 3);
const PLACE: RecordPlace = { container: 'segment a/1', index: 4, kind: 'chunks' };

test('a record comes back as it was, compressed and encrypted or not', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.constantFrom(undefined, 1, 3), (raw, level) => {
      const { bytes, compression } = compressed(raw, level);
      const sealed = Buffer.concat(encrypted(bytes, KEY, PLACE));
      const opened = decompressed(decrypted(sealed, KEY, PLACE), compression, raw.length);
      assert.deepEqual(Buffer.from(opened), Buffer.from(raw));
    }),
  );
});

test('a record with any bit flipped, or cut anywhere, does not open', () => {
  const sealed = Buffer.concat(encrypted(Buffer.from('forty bytes of memory that matter a lot'), KEY, PLACE));
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const flipped = Buffer.from(sealed);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(() => decrypted(flipped, KEY, PLACE), RangeError);
  }
  for (let length = 0; length < sealed.length; length++) {
    assert.throws(() => decrypted(sealed.subarray(0, length), KEY, PLACE), RangeError);
  }
});

test('a record does not open in another place, of another kind, or with another key', () => {
  const sealed = Buffer.concat(encrypted(randomBytes(100), KEY, PLACE));
  const elsewhere: RecordPlace[] = [
    { ...PLACE, index: 5 },
    { ...PLACE, container: 'segment a/2' },
    { ...PLACE, kind: 'index' },
  ];
  for (const place of elsewhere) assert.throws(() => decrypted(sealed, KEY, place), RangeError);
  assert.throws(() => decrypted(sealed, Buffer.alloc(32, 4), PLACE), RangeError);
});

test('a decompression bomb makes no more than the record is said to hold', () => {
  const { bytes, compression } = compressed(Buffer.alloc(64 * 1024 * 1024), 1);
  assert.equal(compression, 'zstd');
  assert.ok(bytes.length < 10_000);
  assert.throws(() => decompressed(bytes, compression, 4096), RangeError);
});

test('what does not become smaller is stored as it is', () => {
  assert.equal(compressed(randomBytes(4096), 3).compression, 'none');
});
