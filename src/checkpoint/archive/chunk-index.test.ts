import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { ChunkIds, chunkIdKey } from './chunk-id.ts';
import { ChunkIndex } from './chunk-index.ts';
import { CHUNK_ID_BYTES } from './constants.ts';

test('an index of chunks finds what was added first and nothing else, however large it grows', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 3 }), { maxLength: 3000 }), (names) => {
      const records = names.map((name, number) => {
        const ids = Buffer.alloc(8 * CHUNK_ID_BYTES);
        padded(name).copy(ids, (number % 8) * CHUNK_ID_BYTES);
        return ids;
      });
      const index = new ChunkIndex((record) => records[record] ?? Buffer.alloc(0));
      const expected = new Map<string, number>();
      for (const [number, name] of names.entries()) {
        const id = padded(name);
        index.add(number, number % 8);
        if (!expected.has(id.toString('hex'))) expected.set(id.toString('hex'), number);
      }
      assert.equal(index.size, expected.size);
      for (const [hex, number] of expected) {
        const entry = index.find(Buffer.from(hex, 'hex'), 0);
        assert.equal(index.recordOf(entry), number);
        assert.equal(index.slotOf(entry), number % 8);
      }
      assert.equal(index.find(randomBytes(CHUNK_ID_BYTES), 0), -1);
    }),
    { numRuns: 20 },
  );
});

test('the same page has different ids for two tenants, and the same for one', () => {
  const page = Buffer.alloc(4096, 7);
  const secret = Buffer.alloc(32, 1);
  const idFor = (tenant: string): string => {
    const id = Buffer.alloc(CHUNK_ID_BYTES);
    new ChunkIds(chunkIdKey(secret, tenant)).write(page, 0, page.length, id, 0);
    return id.toString('hex');
  };
  assert.equal(idFor('one'), idFor('one'));
  assert.notEqual(idFor('one'), idFor('two'));
});

/** Of few different ids, many of which fall on the same place of the table. */
function padded(name: Uint8Array): Buffer {
  const id = Buffer.alloc(CHUNK_ID_BYTES);
  id.set(name, CHUNK_ID_BYTES - name.length);
  return id;
}
