import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodCheckpoint } from '../../model/index.ts';
import { nextIncarnation } from './incarnation.ts';

function checkpoint(
  overrides: { restore?: 'Automatic' | 'Manual'; annotations?: Record<string, string>; failures?: number } = {},
): PodCheckpoint {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: {
      name: 'thesis-aaaaaaaa-1',
      namespace: 'team',
      uid: 'c1',
      resourceVersion: '7',
      creationTimestamp: '2026-01-01T10:00:00Z',
      labels: { 'fermata.dev/workload': 'thesis' },
    },
    spec: { sourcePod: { name: 'thesis' }, postCheckpointState: 'Stopped', restore: overrides.restore ?? 'Automatic' },
    status: {
      checkpointedPodTemplate: {
        metadata: {
          labels: { app: 'x' },
          ...(overrides.annotations === undefined ? {} : { annotations: overrides.annotations }),
        },
        spec: { containers: [{ name: 'c', image: 'i' }], schedulerName: 'fermata' },
      },
      ...(overrides.failures === undefined
        ? {}
        : {
            restoration: {
              podName: 'thesis',
              failures: overrides.failures,
              avoidNodes: ['n1', 'n2'],
              notBefore: '2026-01-01T10:05:00Z',
            },
          }),
    },
  };
}

test('the first restore makes the second incarnation, in the place of the first', () => {
  const pod = nextIncarnation(checkpoint());
  assert.equal(pod.metadata.name, 'thesis');
  assert.equal(pod.metadata.namespace, 'team');
  assert.deepEqual(pod.metadata.labels, { app: 'x', 'fermata.dev/workload': 'thesis' });
  assert.deepEqual(pod.metadata.annotations, {
    'fermata.dev/workload': 'thesis',
    'fermata.dev/incarnation': '2',
    'fermata.dev/first-enqueued': '2026-01-01T10:00:00Z',
    'fermata.dev/restore-from': 'thesis-aaaaaaaa-1',
  });
  assert.equal(pod.spec.schedulingGates, undefined);
});

test('a later one counts on, keeps its first place in the queue and forgets what concerned the last', () => {
  const pod = nextIncarnation(
    checkpoint({
      annotations: {
        'fermata.dev/incarnation': '4',
        'fermata.dev/first-enqueued': '2026-01-01T08:00:00Z',
        'fermata.dev/restore-from': 'thesis-older-1',
        'fermata.dev/decision': '{}',
        'fermata.dev/not-before': '2026-01-01T09:00:00Z',
        'fermata.dev/ran-seconds': '90',
      },
    }),
  );
  assert.deepEqual(pod.metadata.annotations, {
    'fermata.dev/workload': 'thesis',
    'fermata.dev/incarnation': '5',
    'fermata.dev/first-enqueued': '2026-01-01T08:00:00Z',
    'fermata.dev/restore-from': 'thesis-aaaaaaaa-1',
    'fermata.dev/ran-seconds': '90',
  });
});

test('restore: Manual is held by the gate', () => {
  assert.deepEqual(nextIncarnation(checkpoint({ restore: 'Manual' })).spec.schedulingGates, [
    { name: 'fermata.dev/suspended' },
  ]);
});

test('a restore that failed was resumed: its next try is not held again', () => {
  assert.equal(nextIncarnation(checkpoint({ restore: 'Manual', failures: 1 })).spec.schedulingGates, undefined);
  const pod = nextIncarnation(checkpoint({ restore: 'Manual', failures: 1 }), { knowsGates: false });
  assert.equal(pod.metadata.annotations?.['fermata.dev/held'], undefined);
});

test('where the server knows no gates, restore: Manual is held by the annotation', () => {
  const pod = nextIncarnation(checkpoint({ restore: 'Manual' }), { knowsGates: false });
  assert.equal(pod.spec.schedulingGates, undefined);
  assert.equal(pod.metadata.annotations?.['fermata.dev/held'], 'suspended until it is resumed');
  const automatic = nextIncarnation(checkpoint(), { knowsGates: false });
  assert.equal(automatic.metadata.annotations?.['fermata.dev/held'], undefined);
});

test('what the kubelet restores by itself names it, and is held by the annotation: its spec must be the recorded one', () => {
  const held = checkpoint({ restore: 'Manual' });
  const upstream = {
    ...held,
    status: { ...held.status, checkpointLocation: { type: 'NodeLocal', upstream: { name: 'x' } } },
  };
  const pod = nextIncarnation(upstream as typeof held);
  assert.deepEqual(pod.spec, { ...(held.status?.checkpointedPodTemplate?.spec as object), restoreFrom: 'x' });
  assert.equal(pod.metadata.annotations?.['fermata.dev/held'], 'suspended until it is resumed');
});

test('after failed restores the next try knows when and where not', () => {
  const annotations = nextIncarnation(checkpoint({ failures: 2 })).metadata.annotations;
  assert.equal(annotations?.['fermata.dev/restore-failures'], '2');
  assert.equal(annotations?.['fermata.dev/not-before'], '2026-01-01T10:05:00Z');
  assert.equal(annotations?.['fermata.dev/avoid-nodes'], 'n1,n2');
});

test('a checkpoint without template says that it cannot be recreated', () => {
  const { checkpointedPodTemplate: _, ...status } = checkpoint().status ?? {};
  assert.throws(
    () => nextIncarnation({ ...checkpoint(), status }),
    /team\/thesis-aaaaaaaa-1 is Ready but records no pod template/,
  );
});
