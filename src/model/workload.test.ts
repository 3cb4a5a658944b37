import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from './core.ts';
import type { Condition } from './meta.ts';
import type { PodCheckpoint, PodCheckpointSpec } from './podcheckpoint.ts';
import { isOnlyState, workloadLabel, workloadOfCheckpoint, workloadOfPod } from './workload.ts';

const metadata = { namespace: 'lab', uid: 'u', resourceVersion: '1', creationTimestamp: '2025-01-01T00:00:00Z' };
const LONG = `${'a'.repeat(62)}.${'b'.repeat(20)}`;

function pod(name: string, annotations: Record<string, string> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name, annotations },
    spec: { containers: [] },
  };
}

function checkpoint(
  spec: Partial<PodCheckpointSpec>,
  conditions: Condition[] = [],
  labels: Record<string, string> = {},
): PodCheckpoint {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { ...metadata, name: 'c', labels },
    spec: { sourcePod: { name: 'thesis', uid: 'u' }, postCheckpointState: 'Stopped', ...spec },
    status: { conditions },
  };
}

const READY: Condition = { type: 'Ready', status: 'True', reason: 'CheckpointCompleted' };
const restored = (status: 'True' | 'False', reason: string): Condition => ({ type: 'Restored', status, reason });

test('a workload has the name of its pod, or the one its incarnations carry on', () => {
  assert.equal(workloadOfPod(pod('thesis')), 'lab/thesis');
  assert.equal(workloadOfPod(pod('thesis-2', { 'fermata.dev/workload': 'thesis' })), 'lab/thesis');
});

test('a pod with a long name and its checkpoints, labelled or not, are of one workload', () => {
  const source = pod(LONG);
  assert.equal(workloadLabel(source), 'a'.repeat(62));
  const labelled = checkpoint({}, [], { 'fermata.dev/workload': workloadLabel(source) });
  const byHand = checkpoint({ sourcePod: { name: LONG, uid: 'u' } });
  assert.equal(workloadOfCheckpoint(labelled), workloadOfPod(source));
  assert.equal(workloadOfCheckpoint(byHand), workloadOfPod(source));
});

const ONLY_STATE: Readonly<Record<string, { checkpoint: PodCheckpoint; only: boolean }>> = {
  'is the only state once it is ready': { checkpoint: checkpoint({}, [READY]), only: true },
  'is the only state while a restore failed': {
    checkpoint: checkpoint({}, [READY, restored('False', 'RestoreFailed')]),
    only: true,
  },
  'is none before it is ready': { checkpoint: checkpoint({}), only: false },
  'is none after the restore': { checkpoint: checkpoint({}, [READY, restored('True', 'Restored')]), only: false },
  'is none when it was given up': {
    checkpoint: checkpoint({}, [READY, restored('False', 'Abandoned')]),
    only: false,
  },
  'is none when no restore was wanted': { checkpoint: checkpoint({ restore: 'Never' }, [READY]), only: false },
  'is none when the pod runs on': { checkpoint: checkpoint({ postCheckpointState: 'Running' }, [READY]), only: false },
};

for (const [sentence, { checkpoint: one, only }] of Object.entries(ONLY_STATE)) {
  test(`a checkpoint ${sentence}`, () => assert.equal(isOnlyState(one), only));
}
