import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rfc3339 } from '../../clock/index.ts';
import type { Condition, InterruptionPolicy, Pod, PodCheckpoint } from '../../model/index.ts';
import { expendableCheckpoints } from './cluster-retention.ts';
import { unreadableLimits } from './retention-policies.ts';

const NOW = Date.parse('2026-01-02T00:00:00Z');
const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: name,
  resourceVersion: '1',
  creationTimestamp: '',
});

function checkpoint(
  name: string,
  hours: number,
  more: { pinned?: boolean; suspended?: boolean; sizes?: Record<string, number> } = {},
): PodCheckpoint {
  const is = (type: string, status: 'True' | 'False', reason: string): Condition => ({
    type,
    status,
    reason,
    lastTransitionTime: rfc3339(NOW),
  });
  const { sizes = { main: 100 } } = more;
  const annotations = more.pinned === true ? { 'fermata.dev/pinned': 'yes' } : {};
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { ...metadata(name), annotations },
    spec: { sourcePod: { name: 'thesis' }, postCheckpointState: more.suspended === true ? 'Stopped' : 'Running' },
    status: {
      startTime: rfc3339(NOW - hours * 3_600_000),
      checkpointedContainers: Object.entries(sizes).map(([container, sizeBytes]) => ({ name: container, sizeBytes })),
      checkpointedPodTemplate: { metadata: { labels: { app: 'thesis' } }, spec: {} },
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

// docs/retention_policy.md and test/ of the checkpoint-restore operator: global limits of namespaces, pods and containers, and one
// container's own instead of them.
type Retention = NonNullable<InterruptionPolicy['spec']['retention']>;
const everywhere = (retention: Retention): InterruptionPolicy => ({
  ...policy(retention),
  metadata: { ...metadata('default'), namespace: 'fermata-system' },
});
const ofThesis = (retention: Retention): InterruptionPolicy => ({
  ...policy(retention),
  spec: { selector: { matchLabels: { app: 'thesis' } }, retention },
});
/** The oldest first: `c1`, `c2` … */
const several = (count: number, sizes: Record<string, number> = { main: 100 }): PodCheckpoint[] =>
  Array.from({ length: count }, (_, index) => checkpoint(`c${index + 1}`, 100 - index, { sizes }));

const OF_OPERATOR: Record<string, { checkpoints: PodCheckpoint[]; policies: InterruptionPolicy[]; want: string[] }> = {
  'no more than 50 of a namespace, 30 of a pod, 10 of a container': {
    checkpoints: several(12),
    policies: [
      everywhere({ namespace: { maxCheckpoints: 50 }, pod: { maxCheckpoints: 30 }, container: { maxCheckpoints: 10 } }),
    ],
    want: ['default/c1 TooMany', 'default/c2 TooMany'],
  },
  'two of this container, though five of any': {
    checkpoints: several(4),
    policies: [
      everywhere({ namespace: { maxCheckpoints: 10 }, pod: { maxCheckpoints: 10 }, container: { maxCheckpoints: 5 } }),
      ofThesis({ containers: [{ name: 'main', maxCheckpoints: 2 }] }),
    ],
    want: ['default/c1 TooMany', 'default/c2 TooMany'],
  },
  'of a pod with a policy of its own one container has its own besides': {
    checkpoints: several(4, { main: 1, sidecar: 1 }),
    policies: [
      everywhere({ container: { maxCheckpoints: 1 } }),
      ofThesis({ pod: { maxCheckpoints: 10 }, containers: [{ name: 'sidecar', maxCheckpoints: 3 }] }),
    ],
    want: ['default/c1 TooMany'],
  },
  'no checkpoint of more than 4Mi, but of this container 6Mi, and 12Mi together': {
    checkpoints: [
      checkpoint('a', 4, { sizes: { main: 7 << 20 } }),
      checkpoint('b', 3, { sizes: { main: 5 << 20 } }),
      checkpoint('c', 2, { sizes: { main: 5 << 20 } }),
      checkpoint('d', 1, { sizes: { main: 5 << 20 } }),
    ],
    policies: [
      everywhere({
        maxCheckpointSize: '4Mi',
        namespace: { maxTotalSize: '1Gi' },
        pod: { maxTotalSize: '500Mi' },
        container: { maxTotalSize: '100Mi' },
      }),
      ofThesis({ containers: [{ name: 'main', maxCheckpointSize: '6Mi', maxTotalSize: '12Mi' }] }),
    ],
    want: ['default/a TooLarge', 'default/b TooMuch'],
  },
};

for (const [sentence, { checkpoints, policies, want }] of Object.entries(OF_OPERATOR)) {
  test(`as the checkpoint-restore operator has it: ${sentence}`, () => {
    assert.deepEqual(going(checkpoints, [pod], policies), want);
  });
}

test('a number of bytes is one, and no number of megabytes', () => {
  const [first] = expendableCheckpoints(
    {
      checkpoints: several(2, { main: 7 }),
      pods: [pod],
      policies: [policy({ container: { maxCheckpointSize: '6' } })],
    },
    NOW,
  );
  assert.deepEqual(first, {
    id: 'default/c1',
    why: 'TooLarge',
    because: 'container main has 7 bytes, 6 are allowed',
  });
});

test('a size that is no quantity lets nothing go, and is named', () => {
  const careless = policy({
    maxTotalSize: '20 gigs',
    maxCheckpoints: 3,
    containers: [{ name: 'main', maxCheckpointSize: 'small' }],
  });
  assert.deepEqual(going(several(4), [pod], [careless]), ['default/c1 TooMany']);
  assert.deepEqual(unreadableLimits(careless), [
    'retention: maxTotalSize "20 gigs" is no quantity',
    'containers main: maxCheckpointSize "small" is no quantity',
  ]);
  assert.deepEqual(unreadableLimits(policy({ maxTotalSize: '20Gi', namespace: { maxTotalSize: '1Ti' } })), []);
});
