import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rfc3339 } from '../../clock/index.ts';
import type { Condition, InterruptionPolicy, Pod, PodCheckpoint } from '../../model/index.ts';
import { expendableCheckpoints } from './cluster-retention.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '',
});

function checkpoint(name: string, hours: number, more: { pinned?: boolean; suspended?: boolean } = {}): PodCheckpoint {
  const is = (type: string, status: 'True' | 'False', reason: string): Condition => ({
    type,
    status,
    reason,
    lastTransitionTime: rfc3339(NOW),
  });
  const annotations = more.pinned === true ? { 'fermata.dev/pinned': 'yes' } : {};
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { ...metadata(name), annotations },
    spec: { sourcePod: { name: 'thesis' }, postCheckpointState: more.suspended === true ? 'Stopped' : 'Running' },
    status: {
      startTime: rfc3339(NOW - hours * 3_600_000),
      checkpointedContainers: [{ name: 'main', sizeBytes: 100 }],
      conditions: [
        is('Ready', 'True', 'CheckpointCompleted'),
        ...(more.suspended === true ? [is('Restored', 'False', 'Suspended')] : []),
      ],
    },
  };
}

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: metadata('thesis'),
  spec: { nodeName: 'node-1', containers: [{ name: 'main', image: 'i' }] },
  status: { phase: 'Running' },
};
const policy = (retention: InterruptionPolicy['spec']['retention']): InterruptionPolicy => ({
  apiVersion: 'fermata.dev/v1alpha1',
  kind: 'InterruptionPolicy',
  metadata: metadata('keep'),
  spec: { ...(retention && { retention }) },
});
const going = (checkpoints: PodCheckpoint[], pods: Pod[], policies: InterruptionPolicy[]): string[] =>
  expendableCheckpoints({ checkpoints, pods, policies }, NOW).map(({ id, why }) => `${id} ${why}`);

test('what the controller would let go is said with its reason, and what is pinned or latest is not', () => {
  const checkpoints = [
    checkpoint('a', 4, { pinned: true }),
    checkpoint('b', 3),
    checkpoint('c', 2),
    checkpoint('d', 1),
  ];
  assert.deepEqual(going(checkpoints, [pod], []), []);
  assert.deepEqual(going(checkpoints, [pod], [policy({ maxCheckpoints: 2 })]), [
    'default/b TooMany',
    'default/c TooMany',
  ]);
  assert.deepEqual(going(checkpoints, [pod], [policy({ maxTotalSize: '300' })]), ['default/b TooMuch']);
  assert.deepEqual(going(checkpoints, [pod], [policy({ maxAgeSeconds: 10_000 })]), ['default/b TooOld']);
});

test('the only copy of a suspended workload is not among them, whatever the limits', () => {
  const strict = policy({ maxCheckpoints: 1, maxTotalSize: '1', maxAgeSeconds: 1, maxCheckpointSize: '1' });
  assert.deepEqual(going([checkpoint('only', 9, { suspended: true })], [], [strict]), []);
});

test('of a workload whose pod is not seen nothing goes by that alone: an answer that is short is no end of a workload', () => {
  assert.deepEqual(going([checkpoint('a', 9)], [], []), []);
});
