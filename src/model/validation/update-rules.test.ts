import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CONFIG_MAPS, type ConfigMap, PODS, type Pod, PRIORITY_CLASSES, type PriorityClass } from '../core.ts';
import { kindOf } from '../kinds.ts';
import type { KubeObject, ResourceType } from '../meta.ts';
import { POD_CHECKPOINTS, type PodCheckpoint } from '../podcheckpoint.ts';
import { applyDefaults } from './defaults.ts';
import { validateUpdate } from './validate.ts';

function problems<T extends KubeObject>(type: ResourceType<T>, old: T, next: T): string[] {
  const kind = kindOf(type);
  assert.ok(kind);
  return validateUpdate(kind, applyDefaults(kind, old), applyDefaults(kind, next)).map(
    ({ field, message }) => `${field}: ${message}`,
  );
}

const metadata = {
  name: 'o',
  namespace: 'n',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
};
const pod = (spec: Partial<Pod['spec']> = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [{ name: 'c', image: 'a:1' }], ...spec },
});

describe('of a pod may change', () => {
  const cases: Record<string, [Pod, Pod]> = {
    'the image of a container': [pod(), pod({ containers: [{ name: 'c', image: 'a:2' }] })],
    'the deadline, to an earlier one': [pod({ activeDeadlineSeconds: 9 }), pod({ activeDeadlineSeconds: 5 })],
    'the tolerations, by more': [
      pod({ tolerations: [{ key: 'a', operator: 'Exists' }] }),
      pod({
        tolerations: [
          { key: 'a', operator: 'Exists' },
          { key: 'b', operator: 'Exists' },
        ],
      }),
    ],
    'the scheduling gates, by fewer': [
      pod({ schedulingGates: [{ name: 'a' }, { name: 'b' }] }),
      pod({ schedulingGates: [{ name: 'b' }] }),
    ],
    'the last scheduling gate': [pod({ schedulingGates: [{ name: 'a' }] }), pod()],
    'the node selector of a gated one, by more': [
      pod({ schedulingGates: [{ name: 'a' }] }),
      pod({ schedulingGates: [{ name: 'a' }], nodeSelector: { zone: 'x' } }),
    ],
    'labels and annotations': [pod(), { ...pod(), metadata: { ...metadata, labels: { a: 'b' } } }],
    'nothing at all': [pod(), pod()],
    'what follows from what admission filled in': [
      { ...pod(), spec: { ...pod().spec, serviceAccountName: 'default' } },
      pod({ serviceAccountName: 'default', serviceAccount: 'default' }),
    ],
  };
  for (const [sentence, [old, next]] of Object.entries(cases)) {
    test(sentence, () => assert.deepEqual(problems(PODS, old, next), []));
  }
});

describe('of a pod may not change', () => {
  const cases: Record<string, [Pod, Pod, RegExp]> = {
    'the command': [
      pod(),
      pod({ containers: [{ name: 'c', image: 'a:1', command: ['x'] }] }),
      /^spec: Forbidden: pod updates may not change fields other than `spec.containers\[\*\].image`.*changed: spec.containers\[0\].command$/,
    ],
    'the node': [pod({ nodeName: 'a' }), pod({ nodeName: 'b' }), /changed: spec.nodeName$/],
    'the containers': [
      pod(),
      pod({
        containers: [
          { name: 'c', image: 'a:1' },
          { name: 'd', image: 'a:1' },
        ],
      }),
      /^spec.containers: Forbidden: pod updates may not add or remove containers$/,
    ],
    'the image to none': [
      pod(),
      pod({ containers: [{ name: 'c', image: '' }] }),
      /^spec.containers\[0\].image: Required value/,
    ],
    'the deadline to a later one': [
      pod({ activeDeadlineSeconds: 5 }),
      pod({ activeDeadlineSeconds: 9 }),
      /^spec.activeDeadlineSeconds: Invalid value: 9: must be less than or equal to previous value$/,
    ],
    'a toleration that is there': [
      pod({ tolerations: [{ key: 'a', operator: 'Exists' }] }),
      pod(),
      /^spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds$/,
    ],
    'the scheduling gates by more': [
      pod({ schedulingGates: [{ name: 'a' }] }),
      pod({ schedulingGates: [{ name: 'a' }, { name: 'b' }] }),
      /^spec.schedulingGates: Forbidden: only deletion is allowed, but found new scheduling gate 'b'$/,
    ],
    'the grace period': [
      pod(),
      pod({ terminationGracePeriodSeconds: 1 }),
      /changed: spec.terminationGracePeriodSeconds$/,
    ],
    'the node selector of one that is not gated': [
      pod(),
      pod({ nodeSelector: { a: 'b' } }),
      /changed: spec.nodeSelector$/,
    ],
    'its identity': [
      pod(),
      { ...pod(), metadata: { ...metadata, uid: 'v' } },
      /^metadata.uid: Invalid value: "v": field is immutable$/,
    ],
  };
  for (const [sentence, [old, next, wanted]] of Object.entries(cases)) {
    test(sentence, () => {
      const found = problems(PODS, old, next);
      assert.equal(found.length, 1, found.join('\n'));
      assert.match(found[0] ?? '', wanted);
    });
  }
});

test('the spec of a checkpoint stays as it was asked for, its status does not', () => {
  const checkpoint = (name: string, nodeName?: string): PodCheckpoint => ({
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata,
    spec: { sourcePod: { name } },
    ...(nodeName === undefined ? {} : { status: { nodeName } }),
  });
  assert.deepEqual(problems(POD_CHECKPOINTS, checkpoint('p'), checkpoint('p', 'n')), []);
  assert.deepEqual(problems(POD_CHECKPOINTS, checkpoint('p'), checkpoint('q')), [
    'spec: Invalid value: "object": spec is immutable: make another PodCheckpoint instead',
  ]);
});

test('a priority class keeps its value, and an immutable config map its data', () => {
  const priorityClass = (value: number): PriorityClass => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata,
    value,
  });
  assert.deepEqual(problems(PRIORITY_CLASSES, priorityClass(1), priorityClass(2)), [
    'value: Forbidden: may not be changed in an update.',
  ]);
  const configMap = (text: string): ConfigMap => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata,
    immutable: true,
    data: { a: text },
  });
  assert.deepEqual(problems(CONFIG_MAPS, configMap('x'), configMap('y')), [
    'data: Forbidden: field is immutable when `immutable` is set',
  ]);
});
