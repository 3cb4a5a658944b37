import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterruptionPolicy, InterruptionPolicySpec, PodCheckpoint, PodGroupCheckpoint } from '../model/index.ts';
import { outsidePolicy } from './outside-policy.ts';

const META = { resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const API = 'fermata.dev/v1alpha1';
const GROUP: PodGroupCheckpoint = {
  apiVersion: API,
  kind: 'PodGroupCheckpoint',
  metadata: { name: 'ring', namespace: 'lab', uid: 'g', ...META },
  spec: { selector: {} },
  status: {
    members: [
      { name: 'a', uid: 'a', podCheckpointName: 'ring-a', podIPs: ['10.0.0.1', 'fd00::1'] },
      { name: 'b', uid: 'b', podCheckpointName: 'ring-b', podIPs: ['10.0.0.2'] },
      { name: 'c', uid: 'c', podCheckpointName: 'ring-c' },
    ],
  },
};

function outside(spec: InterruptionPolicySpec | undefined, group?: string) {
  const kind = 'InterruptionPolicy';
  const metadata = { name: 'p', uid: 'p', ...META };
  const policy: InterruptionPolicy | undefined = spec && { apiVersion: API, kind, metadata, spec };
  const owner = { apiVersion: API, kind: 'PodGroupCheckpoint', name: 'ring', uid: 'g' };
  const checkpoint: PodCheckpoint = {
    apiVersion: API,
    kind: 'PodCheckpoint',
    metadata: { name: 'ring-a', namespace: 'lab', uid: 'c', ...META, ownerReferences: [owner] },
    spec: { sourcePod: { name: 'a' }, ...(group !== undefined && { group }) },
  };
  const votes = { current: async ({ uid }: { uid: string }) => (uid === 'g' ? GROUP : undefined) };
  return outsidePolicy(policy, checkpoint, votes, new AbortController().signal);
}

test('without a word of the owner connections are kept', async () => {
  assert.deepEqual([await outside(undefined), await outside({}, 'ring')], [undefined, undefined]);
});

test('of a pod alone all others are outside', async () => {
  assert.deepEqual(await outside({ outsideConnections: 'Close' }), { policy: 'Close', members: [] });
});

test('the members of its group are not', async () => {
  const members = ['10.0.0.1', 'fd00::1', '10.0.0.2'];
  assert.deepEqual(await outside({ outsideConnections: 'Refuse' }, 'ring'), { policy: 'Refuse', members });
});
