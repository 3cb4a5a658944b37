import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf, type PodCheckpoint, type PodGroupCheckpoint } from '../../model/index.ts';
import { groupConditions } from './group-status.ts';

const META = { namespace: 'default', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

function group(postCheckpointState: 'Stopped' | 'Running' = 'Stopped'): PodGroupCheckpoint {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodGroupCheckpoint',
    metadata: { ...META, name: 'ring', uid: 'g' },
    spec: { selector: {}, postCheckpointState },
    status: { decision: { verdict: 'Committed', time: META.creationTimestamp } },
  };
}

/** With a restore image where a kubelet runs it. */
function member(name: string, { kubelet, restored }: { kubelet: boolean; restored: boolean }): PodCheckpoint {
  const restoreImage = `127.0.0.1:10270/fermata/${name}/main:checkpoint`;
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { ...META, name: `ring-${name}`, uid: `c-${name}` },
    spec: { sourcePod: { name }, postCheckpointState: 'Stopped', group: 'ring' },
    status: {
      conditions: [{ type: 'Restored', status: restored ? 'True' : 'False' }],
      checkpointedContainers: [{ name: 'main', image: 'i', sizeBytes: 1, ...(kubelet && { restoreImage }) }],
    },
  };
}

const condition = (type: string, of: PodGroupCheckpoint, members: PodCheckpoint[]) =>
  conditionOf(groupConditions(of, members, 0), type);

test('a group that kubelets bring back says beforehand that its members do not wait for each other', () => {
  const members = [member('a', { kubelet: true, restored: false }), member('b', { kubelet: true, restored: false })];
  const { status, reason } = condition('RestoredTogether', group(), members) ?? {};
  assert.deepEqual([status, reason], ['False', 'RestoredByKubelets']);
  assert.equal(condition('Restored', group(), members), undefined);
});

test('and is Restored when the last one is back, with nobody to vote', () => {
  const back = { kubelet: true, restored: true };
  const one = [member('a', back), member('b', { kubelet: true, restored: false })];
  assert.equal(condition('Restored', group(), one), undefined);
  assert.equal(condition('Restored', group(), [member('a', back), member('b', back)])?.status, 'True');
});

test('elsewhere, and where the pods ran on, nothing is said of it', () => {
  const seen = { kubelet: false, restored: false };
  assert.equal(condition('RestoredTogether', group(), [member('a', seen)]), undefined);
  assert.equal(condition('RestoredTogether', group('Running'), [member('a', { ...seen, kubelet: true })]), undefined);
});
