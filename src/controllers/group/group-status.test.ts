import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf, type PodCheckpoint, type PodGroupCheckpoint } from '../../model/index.ts';
import { groupConditions } from './group-status.ts';

const META = { namespace: 'default', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

const GROUP: PodGroupCheckpoint = {
  apiVersion: 'fermata.dev/v1alpha1',
  kind: 'PodGroupCheckpoint',
  metadata: { ...META, name: 'ring', uid: 'g' },
  spec: { selector: {}, postCheckpointState: 'Stopped' },
  status: { decision: { verdict: 'Committed', time: META.creationTimestamp } },
};

function member(name: string, restored: boolean): PodCheckpoint {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { ...META, name: `ring-${name}`, uid: `c-${name}` },
    spec: { sourcePod: { name }, postCheckpointState: 'Stopped', group: 'ring' },
    status: { conditions: [{ type: 'Restored', status: restored ? 'True' : 'False' }] },
  };
}

test('a group is Restored when the last one is back', () => {
  const restored = (members: PodCheckpoint[]) => conditionOf(groupConditions(GROUP, members, 0), 'Restored');
  assert.equal(restored([member('a', true), member('b', false)]), undefined);
  assert.equal(restored([member('a', true), member('b', true)])?.status, 'True');
});
