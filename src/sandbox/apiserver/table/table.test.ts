import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kind } from '../../../kubernetes/index.ts';
import type { KubeObject } from '../../../model/index.ts';
import { compileJsonPath } from './json-path.ts';
import { tableOf } from './table.ts';

const OBJECT = {
  apiVersion: 'example.org/v1',
  kind: 'Gauge',
  metadata: {
    name: 'g',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { 'a.b/c': 'x' },
  },
  spec: { size: 3, tags: ['p', 'q'], at: '2026-01-01T00:00:30Z' },
  status: {
    conditions: [
      { type: 'Other', status: 'False' },
      { type: 'Ready', status: 'True' },
    ],
  },
};

const PATHS: Record<string, unknown[]> = {
  '.spec.size': [3],
  '{.spec.size}': [3],
  '.spec.tags[0]': ['p'],
  '.spec.tags[-1]': ['q'],
  '.spec.tags[*]': ['p', 'q'],
  '.spec.tags[9]': [],
  '.status.conditions[?(@.type=="Ready")].status': ['True'],
  ".status.conditions[?(@.type == 'Ready')].status": ['True'],
  '.status.conditions[?(@.type!="Ready")].type': ['Other'],
  ".metadata.labels['a.b/c']": ['x'],
  '.metadata.labels.a\\.b/c': ['x'],
  '.missing.deep': [],
  '.spec.constructor': [],
};

for (const [path, want] of Object.entries(PATHS)) {
  test(`JSONPath ${path} finds ${JSON.stringify(want)}`, () => {
    assert.deepEqual(compileJsonPath(path)(OBJECT), want);
  });
}

test('a JSONPath that cannot be read is refused', () => {
  assert.throws(() => compileJsonPath('.a[?(bad)]'), SyntaxError);
});

test('a table of custom resources has the columns of their definition, dates as ages', () => {
  const columns = [
    { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
    { name: 'At', type: 'date', jsonPath: '.spec.at' },
    { name: 'Tags', type: 'string', jsonPath: '.spec.tags[*]', priority: 1 },
    { name: 'Gone', type: 'number', jsonPath: '.spec.gone' },
  ];
  const kind = { custom: true, printerColumns: columns } as unknown as Kind;
  const now = Date.parse('2026-01-01T00:01:40Z');
  const table = tableOf(
    kind,
    [OBJECT as KubeObject],
    { resourceVersion: '9' },
    {
      version: 'v1',
      includeObject: 'None',
      now,
    },
  ) as { columnDefinitions: { name: string }[]; rows: { cells: unknown[]; object?: unknown }[] };
  assert.deepEqual(
    table.columnDefinitions.map(({ name }) => name),
    ['Name', 'Size', 'At', 'Tags', 'Gone'],
  );
  assert.deepEqual(table.rows, [{ cells: ['g', 3, '70s', 'p,q', null] }]);
});
