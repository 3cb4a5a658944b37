import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, Pod, PodCheckpoint } from '../model/index.ts';
import { reasonToKeep } from './need.ts';

const META = { namespace: 'ns', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const READY: Condition = { type: 'Ready', status: 'True', reason: 'CheckpointCompleted' };

function checkpoint(spec: Partial<PodCheckpoint['spec']>, ...conditions: Condition[]): PodCheckpoint {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { ...META, name: 'c' },
    spec: { sourcePod: { name: 'p' }, ...spec },
    status: { conditions },
  };
}

function incarnation(change: {
  annotations?: Record<string, string>;
  phase?: 'Succeeded';
  restored?: boolean;
  deleted?: boolean;
}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...META,
      name: 'p',
      annotations: change.annotations ?? { 'fermata.dev/restore-from': 'c' },
      ...(change.deleted === true ? { deletionTimestamp: '2026-01-01T01:00:00Z' } : {}),
    },
    spec: { containers: [] },
    status: {
      phase: change.phase ?? 'Pending',
      conditions: change.restored === true ? [{ type: 'fermata.dev/Restored', status: 'True' }] : [],
    },
  };
}

const STOPPED = { postCheckpointState: 'Stopped' } as const;
const cases: Record<string, { checkpoint: PodCheckpoint; pods?: Pod[]; keep: boolean }> = {
  'a suspended workload has nothing else': { checkpoint: checkpoint(STOPPED, READY), keep: true },
  'also while its restore keeps failing': {
    checkpoint: checkpoint(STOPPED, READY, { type: 'Restored', status: 'False', reason: 'RestoreFailed' }),
    keep: true,
  },
  'a restored workload can do without': {
    checkpoint: checkpoint(STOPPED, READY, { type: 'Restored', status: 'True' }),
    keep: false,
  },
  'one whose owner deleted its pod too': {
    checkpoint: checkpoint(STOPPED, READY, { type: 'Restored', status: 'False', reason: 'Abandoned' }),
    keep: false,
  },
  'one that was not to come back too': { checkpoint: checkpoint({ ...STOPPED, restore: 'Never' }, READY), keep: false },
  'a failed dump has no data to keep': {
    checkpoint: checkpoint(STOPPED, { type: 'Ready', status: 'False', reason: 'CheckpointFailed' }),
    keep: false,
  },
  'a copy of a running pod may go': { checkpoint: checkpoint({}, READY), keep: false },
  'a copy that a waiting pod starts from stays': {
    checkpoint: checkpoint({}, READY),
    pods: [incarnation({})],
    keep: true,
  },
  'a restored pod goes back to it should it crash': {
    checkpoint: checkpoint(STOPPED, READY, { type: 'Restored', status: 'True' }),
    pods: [incarnation({ restored: true })],
    keep: true,
  },
  'until it is deleted': {
    checkpoint: checkpoint(STOPPED, READY, { type: 'Restored', status: 'True' }),
    pods: [incarnation({ restored: true, deleted: true })],
    keep: false,
  },
  'or has ended': { checkpoint: checkpoint({}, READY), pods: [incarnation({ phase: 'Succeeded' })], keep: false },
  'pods of other checkpoints do not count': {
    checkpoint: checkpoint({}, READY),
    pods: [incarnation({ annotations: { 'fermata.dev/restore-from': 'other' } })],
    keep: false,
  },
};

for (const [sentence, { checkpoint: one, pods, keep }] of Object.entries(cases)) {
  test(sentence, () => assert.equal(reasonToKeep(one, pods ?? []) !== undefined, keep));
}
