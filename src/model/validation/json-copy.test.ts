import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonCopy } from './json-copy.ts';

test('a copy is the same, and what is done to it is not done to the original', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const original = JSON.stringify(value);
      const copy = jsonCopy({ value });
      assert.equal(JSON.stringify(copy.value), original);
      spoil(copy.value);
      assert.equal(JSON.stringify(value), original);
    }),
  );
});

test('a key called __proto__ stays a key', () => {
  const copy = jsonCopy(JSON.parse('{"__proto__": {"a": 1}}') as object);
  assert.deepEqual(Object.keys(copy), ['__proto__']);
  assert.equal(Object.getPrototypeOf(copy), Object.prototype);
});

function spoil(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const inner of Object.values(value)) spoil(inner);
  if (Array.isArray(value)) value.push('spoilt');
  else (value as Record<string, unknown>).spoilt = true;
}
