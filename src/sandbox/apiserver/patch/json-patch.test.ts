import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isApiError } from '../../../kubernetes/index.ts';
import { applyJsonPatch } from './json-patch.ts';
import type { Json } from './json-value.ts';

type Refusal = 'Invalid' | 'BadRequest';

// The cases of RFC 6902, appendix A.
const CASES: Record<string, { target: Json; patch: Json; want: Json | Refusal }> = {
  'A.1 adds an object member': {
    target: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz', value: 'qux' }],
    want: { baz: 'qux', foo: 'bar' },
  },
  'A.2 adds an array element': {
    target: { foo: ['bar', 'baz'] },
    patch: [{ op: 'add', path: '/foo/1', value: 'qux' }],
    want: { foo: ['bar', 'qux', 'baz'] },
  },
  'A.3 removes an object member': {
    target: { baz: 'qux', foo: 'bar' },
    patch: [{ op: 'remove', path: '/baz' }],
    want: { foo: 'bar' },
  },
  'A.4 removes an array element': {
    target: { foo: ['bar', 'qux', 'baz'] },
    patch: [{ op: 'remove', path: '/foo/1' }],
    want: { foo: ['bar', 'baz'] },
  },
  'A.5 replaces a value': {
    target: { baz: 'qux', foo: 'bar' },
    patch: [{ op: 'replace', path: '/baz', value: 'boo' }],
    want: { baz: 'boo', foo: 'bar' },
  },
  'A.6 moves a value': {
    target: { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
    patch: [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
    want: { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
  },
  'A.7 moves an array element': {
    target: { foo: ['all', 'grass', 'cows', 'eat'] },
    patch: [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    want: { foo: ['all', 'cows', 'eat', 'grass'] },
  },
  'A.8 tests a value that is there': {
    target: { baz: 'qux', foo: ['a', 2, 'c'] },
    patch: [
      { op: 'test', path: '/baz', value: 'qux' },
      { op: 'test', path: '/foo/1', value: 2 },
    ],
    want: { baz: 'qux', foo: ['a', 2, 'c'] },
  },
  'A.9 refuses when a test does not hold': {
    target: { baz: 'qux' },
    patch: [{ op: 'test', path: '/baz', value: 'bar' }],
    want: 'Invalid',
  },
  'A.12 refuses to add to a target that is not there': {
    target: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz/bat', value: 'qux' }],
    want: 'Invalid',
  },
  'A.14 unescapes ~0 and ~1': {
    target: { '/': 9, '~1': 10 },
    patch: [{ op: 'test', path: '/~01', value: 10 }],
    want: { '/': 9, '~1': 10 },
  },
  'A.15 does not take a number for a string': {
    target: { '~1': 10 },
    patch: [{ op: 'test', path: '/~01', value: '10' }],
    want: 'Invalid',
  },
  'A.16 adds an array value at the end': {
    target: { foo: ['bar'] },
    patch: [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }],
    want: { foo: ['bar', ['abc', 'def']] },
  },
  'refuses an index with a leading zero': {
    target: { foo: ['bar'] },
    patch: [{ op: 'replace', path: '/foo/00', value: 1 }],
    want: 'Invalid',
  },
  'refuses an unknown operation': { target: {}, patch: [{ op: 'frob', path: '/a' }], want: 'BadRequest' },
  'refuses an object': { target: {}, patch: { a: 1 }, want: 'BadRequest' },
  'sets nothing on the prototype': {
    target: {},
    patch: [{ op: 'add', path: '/__proto__/polluted', value: 1 }],
    want: 'Invalid',
  },
};

for (const [name, { target, patch, want }] of Object.entries(CASES)) {
  test(`JSON patch ${name}`, () => {
    const before = structuredClone(target);
    if (want === 'Invalid' || want === 'BadRequest') {
      assert.throws(
        () => applyJsonPatch(target, patch),
        (error) => isApiError(error, want),
      );
    } else {
      assert.deepEqual(applyJsonPatch(target, patch), want);
    }
    assert.deepEqual(target, before, 'the target is left alone');
  });
}
