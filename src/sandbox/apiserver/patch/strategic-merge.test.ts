import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isApiError } from '../../../kubernetes/index.ts';
import type { JsonObject } from './json-value.ts';
import { applyStrategicMergePatch, type PatchSchema } from './strategic-merge.ts';

const merged = (key?: string): PatchSchema => ({
  'x-kubernetes-patch-strategy': key === 'name' ? 'merge,retainKeys' : 'merge',
  ...(key === undefined ? {} : { 'x-kubernetes-patch-merge-key': key }),
});
const SCHEMA: PatchSchema = {
  properties: {
    containers: merged('name'),
    env: merged('name'),
    volumes: merged('name'),
    finalizers: merged(),
    args: {},
  },
};

// Behaviour of k8s.io/apimachinery/pkg/util/strategicpatch, read off its tests' cases.
const CASES: Record<string, { original: JsonObject; patch: JsonObject; want: JsonObject | 'BadRequest' }> = {
  'merges maps and removes what is null': {
    original: { labels: { a: '1', b: '2' }, keep: true },
    patch: { labels: { a: null, c: '3' } },
    want: { labels: { b: '2', c: '3' }, keep: true },
  },
  'merges containers by name and leaves the others alone': {
    original: {
      containers: [
        { name: 'a', image: '1', tty: true },
        { name: 'b', image: '1' },
      ],
    },
    patch: {
      containers: [
        { name: 'a', image: '2' },
        { name: 'c', image: '1' },
      ],
    },
    want: {
      containers: [
        { name: 'a', image: '2', tty: true },
        { name: 'b', image: '1' },
        { name: 'c', image: '1' },
      ],
    },
  },
  'replaces a list without a merge key': {
    original: { args: ['a', 'b'] },
    patch: { args: ['c'] },
    want: { args: ['c'] },
  },
  'deletes an item by $patch: delete': {
    original: {
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    },
    patch: { env: [{ name: 'A', $patch: 'delete' }] },
    want: { env: [{ name: 'B', value: '2' }] },
  },
  'replaces a whole list by an item with $patch: replace': {
    original: {
      env: [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ],
    },
    patch: { env: [{ $patch: 'replace' }, { name: 'C', value: '3' }] },
    want: { env: [{ name: 'C', value: '3' }] },
  },
  'replaces a map by $patch: replace': {
    original: { labels: { a: '1' } },
    patch: { labels: { $patch: 'replace', b: '2' } },
    want: { labels: { b: '2' } },
  },
  'empties a map by $patch: delete': {
    original: { labels: { a: '1' } },
    patch: { labels: { $patch: 'delete' } },
    want: { labels: {} },
  },
  'adds to a set of plain values, and takes away by $deleteFromPrimitiveList': {
    original: { finalizers: ['a', 'b'] },
    patch: { finalizers: ['c', 'a'], '$deleteFromPrimitiveList/finalizers': ['b'] },
    want: { finalizers: ['a', 'c'] },
  },
  'orders by $setElementOrder, unnamed items keeping their place': {
    original: { env: [{ name: 'other' }, { name: 'A' }, { name: 'B' }] },
    patch: { '$setElementOrder/env': [{ name: 'B' }, { name: 'C' }, { name: 'A' }], env: [{ name: 'C' }] },
    want: { env: [{ name: 'other' }, { name: 'B' }, { name: 'C' }, { name: 'A' }] },
  },
  'orders without a change of the list itself': {
    original: { finalizers: ['a', 'b', 'c'] },
    patch: { '$setElementOrder/finalizers': ['c', 'a', 'b'] },
    want: { finalizers: ['c', 'a', 'b'] },
  },
  'clears the other members of a union by $retainKeys': {
    original: { volumes: [{ name: 'v', emptyDir: {} }] },
    patch: { volumes: [{ $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/x' } }] },
    want: { volumes: [{ name: 'v', hostPath: { path: '/x' } }] },
  },
  'leaves no directive behind in what is new': {
    original: {},
    patch: {
      '$setElementOrder/env': [{ name: 'A' }],
      env: [
        { name: 'A', value: null, deep: { $patch: 'replace', x: 1 } },
        { name: 'B', $patch: 'delete' },
      ],
    },
    want: { env: [{ name: 'A', deep: { x: 1 } }] },
  },
  'refuses an item without its merge key': {
    original: { containers: [] },
    patch: { containers: [{ image: 'x' }] },
    want: 'BadRequest',
  },
  'refuses an unknown directive': { original: {}, patch: { $patch: 'explode' }, want: 'BadRequest' },
};

for (const [name, { original, patch, want }] of Object.entries(CASES)) {
  test(`strategic merge patch ${name}`, () => {
    const before = structuredClone(original);
    if (want === 'BadRequest') {
      assert.throws(
        () => applyStrategicMergePatch(original, patch, SCHEMA),
        (error) => isApiError(error, 'BadRequest'),
      );
    } else {
      assert.deepEqual(applyStrategicMergePatch(original, patch, SCHEMA), want);
    }
    assert.deepEqual(original, before, 'the original is left alone');
  });
}
