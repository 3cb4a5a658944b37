import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { adopt } from './adopt.ts';

test('what is equal to what was there is what was there', () => {
  const previous = adopt({ a: { x: 1 }, b: [1, { y: 2 }], c: 'same' });
  const next = adopt({ a: { x: 1 }, b: [1, { y: 3 }], c: 'same' }, previous);
  assert.equal(next.a, previous.a);
  assert.notEqual(next.b, previous.b);
  assert.equal(
    adopt({ c: 'same', b: [1, { y: 2 }], a: { x: 1 } }, previous),
    previous,
    'the order of members is nothing',
  );
});

test('a member that is gone or undefined is a change', () => {
  const previous = adopt({ a: 1, b: 2 });
  assert.deepEqual(adopt({ a: 1 } as object, previous), { a: 1 });
  assert.deepEqual(adopt({ a: 1, b: undefined } as object, previous), { a: 1 });
});

test('a member called __proto__ stays a member', () => {
  const adopted = adopt(JSON.parse('{"__proto__": {"polluted": true}}') as object);
  assert.equal(JSON.stringify(adopted), '{"__proto__":{"polluted":true}}');
  assert.equal('polluted' in adopted, false);
});

test('for any JSON the result is equal to it, frozen throughout, and made of the old parts where these are equal', () => {
  const frozen = (value: unknown): boolean =>
    typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
      const previous = adopt(before);
      const next = adopt(after, previous);
      assert.deepEqual(next, after);
      assert.ok(frozen(next));
      assert.equal(adopt(structuredClone(next), next), next);
    }),
  );
});
