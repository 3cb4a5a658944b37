import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inParts, partBytes } from './parts.ts';

test('whatever the pieces, the parts are the body, each but the last full, the last alone marked', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.nat(5_000_000), { maxLength: 12 }), async (sizes) => {
      const total = sizes.reduce((sum, size) => sum + size, 0);
      const body = async function* (): AsyncGenerator<Uint8Array> {
        for (const size of sizes) yield new Uint8Array(size);
      };
      let seen = 0;
      let ended = false;
      for await (const { number, bytes, last } of inParts(body(), undefined)) {
        assert.equal(ended, false);
        assert.ok(bytes.length > 0 && bytes.length <= partBytes(number));
        if (!last) assert.equal(bytes.length, partBytes(number));
        ended = last;
        seen += bytes.length;
      }
      assert.equal(seen, total);
      assert.equal(ended, total > 0);
    }),
    { numRuns: 40 },
  ));

test('ten thousand parts hold 246 GiB, and no part is below what S3 takes', () => {
  let total = 0;
  for (let number = 1; number <= 10_000; number++) {
    assert.ok(partBytes(number) >= 5 * 1024 * 1024);
    total += partBytes(number);
  }
  assert.ok(total > 240 * 1024 ** 3);
});
