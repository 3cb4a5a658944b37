import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PODS } from '../core.ts';
import { kindOf } from '../kinds.ts';
import type { KubeObject } from '../meta.ts';
import { prepareObject, validateObject } from './validate.ts';

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'team', labels: { app: 'x' }, annotations: { 'a.example/b': 'c' } },
  spec: {
    containers: [
      { name: 'one', image: 'busybox', resources: { requests: { cpu: '1', memory: '1Gi' } } },
      { name: 'two', image: 'busybox', env: [{ name: 'A', value: 'b' }] },
    ],
    tolerations: [{ key: 'k', operator: 'Exists' }],
  },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
} as unknown as KubeObject;

/** The object with `value` at the path; all else is shared with it. */
function changed(object: unknown, [step, ...rest]: readonly (string | number)[], value: unknown): unknown {
  if (step === undefined) return value;
  const inner = (object as Record<string | number, unknown> | undefined)?.[step];
  const next = changed(inner, rest, value);
  if (Array.isArray(object)) return object.with(Number(step), next);
  return { ...(object as object), [step]: next };
}

const PATHS: readonly (readonly (string | number)[])[] = [
  ['metadata', 'labels'],
  ['metadata', 'labels', 'app'],
  ['metadata', 'annotations', 'a.example/b'],
  ['metadata', 'name'],
  ['spec'],
  ['spec', 'unheardOf'],
  ['spec', 'containers'],
  ['spec', 'containers', 0, 'name'],
  ['spec', 'containers', 1, 'env', 0, 'name'],
  ['spec', 'containers', 0, 'resources', 'requests', 'cpu'],
  ['spec', 'tolerations', 0, 'operator'],
  ['status', 'phase'],
  ['status', 'conditions', 0, 'status'],
];

test('what is said of a changed object is the same whether or not its unchanged parts are looked at again', () => {
  const kind = kindOf(PODS);
  assert.ok(kind);
  const { object: known } = prepareObject(kind, POD);
  assert.deepEqual(validateObject(kind, known).errors, []);
  const value = fc.oneof(
    fc.constantFrom('Exists', 'Equal', 'not a name!', '', '2Gb', '500m', 'two', null, 7, [], {}),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...PATHS), value), { minLength: 1, maxLength: 3 }), (changes) => {
      let next: unknown = known;
      for (const [path, put] of changes) {
        try {
          next = changed(next, path, put);
        } catch {
          return; // an earlier change took away what this one is in
        }
      }
      const { errors, unknownFields, object } = validateObject(kind, next, { known });
      assert.deepEqual({ errors, unknownFields, object }, { ...validateObject(kind, next) });
    }),
    { numRuns: 500 },
  );
});
