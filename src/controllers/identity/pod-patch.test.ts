import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodCheckpoint } from '../../model/index.ts';
import { incarnationPatch } from './pod-patch.ts';

const checkpoint: PodCheckpoint = {
  apiVersion: 'fermata.dev/v1alpha1',
  kind: 'PodCheckpoint',
  metadata: {
    name: 'cp',
    namespace: 'team',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T10:00:00Z',
  },
  spec: { sourcePod: { name: 'train-x7' } },
  status: {
    checkpointedPodTemplate: {
      metadata: { annotations: { 'fermata.dev/incarnation': '3', other: 'kept away' } },
      spec: {},
    },
  },
};
const spec = { containers: [{ name: 'c' }] };
const marks = {
  'fermata.dev/workload': 'train-x7',
  'fermata.dev/incarnation': '4',
  'fermata.dev/first-enqueued': '2026-01-01T10:00:00Z',
  'fermata.dev/restore-from': 'cp',
};

test('a pod without any marks gets them all, and the gate', () => {
  assert.deepEqual(
    incarnationPatch({ metadata: {}, spec }, checkpoint, { knowsGates: true, schedulerNames: ['fermata'] }),
    [
      { op: 'add', path: '/metadata/labels', value: { 'fermata.dev/workload': 'train-x7' } },
      { op: 'add', path: '/metadata/annotations', value: marks },
      { op: 'add', path: '/spec/schedulingGates', value: [{ name: 'fermata.dev/suspended' }] },
    ],
  );
});

test('what the pod has already stays: its labels, its annotations, its gates', () => {
  const pod = {
    metadata: { labels: { app: 'x' }, annotations: { a: 'b' } },
    spec: { ...spec, schedulingGates: [{ name: 'g' }] },
  };
  const patch = incarnationPatch(pod, checkpoint, { knowsGates: true, schedulerNames: [] });
  assert.deepEqual(patch[0], { op: 'add', path: '/metadata/labels/fermata.dev~1workload', value: 'train-x7' });
  assert.ok(
    patch.some(({ path, value }) => path === '/metadata/annotations/fermata.dev~1restore-from' && value === 'cp'),
  );
  assert.deepEqual(patch.at(-1)?.value, [{ name: 'g' }, { name: 'fermata.dev/suspended' }]);
});

test("without gates the pod is held by an annotation, with Fermata's scheduler", () => {
  const options = { knowsGates: false, schedulerNames: ['fermata', 'other'] };
  const patch = incarnationPatch({ metadata: {}, spec }, checkpoint, options);
  assert.deepEqual(patch.at(-1), { op: 'add', path: '/spec/schedulerName', value: 'fermata' });
  const annotations = patch.find(({ path }) => path === '/metadata/annotations')?.value as Record<string, string>;
  assert.match(annotations['fermata.dev/held'] ?? '', /checkpoint cp/);
  const own = incarnationPatch({ metadata: {}, spec: { ...spec, schedulerName: 'other' } }, checkpoint, options);
  assert.ok(own.every(({ path }) => path !== '/spec/schedulerName'));
});
