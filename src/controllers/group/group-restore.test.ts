import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, Node, Pod, PodCheckpoint, PodGroupCheckpoint } from '../../model/index.ts';
import { areStillBack, restoreStep } from './group-restore.ts';

const META = { namespace: 'default', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

function group(status: NonNullable<PodGroupCheckpoint['status']> = {}, restore = 'Automatic'): PodGroupCheckpoint {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodGroupCheckpoint',
    metadata: { ...META, name: 'ring', uid: 'g' },
    spec: { selector: {}, postCheckpointState: 'Stopped', restore: restore as 'Automatic' },
    status: { decision: { verdict: 'Committed', time: META.creationTimestamp }, ...status },
  };
}

/** `a:1` voted for round 1, `a` not; `restored` is a condition's reason, or `True`. */
function member(vote: string, restored?: string): PodCheckpoint {
  const [name = '', round] = vote.split(':');
  const condition: Condition = {
    type: 'Restored',
    status: restored === 'True' ? 'True' : 'False',
    reason: restored ?? 'Suspended',
  };
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { ...META, name: `ring-${name}`, uid: `c-${name}` },
    spec: { sourcePod: { name }, postCheckpointState: 'Stopped', group: 'ring' },
    status: {
      conditions: [condition],
      restoration: {
        podName: name,
        lastFailure: 'no page',
        ...(round !== undefined && { prepared: { podUID: `p-${name}`, round: Number(round) } }),
      },
    },
  };
}

const time = META.creationTimestamp;
const CASES: Readonly<Record<string, { of: PodGroupCheckpoint; members: PodCheckpoint[]; want: string | undefined }>> =
  {
    'nobody is back': { of: group(), members: [member('a'), member('b')], want: undefined },
    'one of two is back': { of: group(), members: [member('a:1'), member('b')], want: undefined },
    'all are back': { of: group(), members: [member('a:1'), member('b:1')], want: 'commit' },
    'a vote for an earlier round does not count': {
      of: group({ restoration: { round: 2, time } }),
      members: [member('a:2'), member('b:1')],
      want: undefined,
    },
    'one has failed while another stands still': {
      of: group(),
      members: [member('a:1'), member('b', 'RestoreFailed')],
      want: 'end',
    },
    'one has failed and nobody stands still': {
      of: group({ restoration: { round: 2, time } }),
      members: [member('a:1', 'RestoreFailed'), member('b', 'RestoreFailed')],
      want: undefined,
    },
    'what was given up, and what runs again, is not waited for': {
      of: group(),
      members: [member('a:1'), member('b', 'Abandoned'), member('c', 'True')],
      want: 'commit',
    },
    'what is decided is decided': {
      of: group({ restoration: { round: 1, verdict: 'Committed', time } }),
      members: [member('a:1'), member('b:1')],
      want: undefined,
    },
    'the dump was aborted': {
      of: group({ decision: { verdict: 'Aborted', time } }),
      members: [member('a:1'), member('b:1')],
      want: undefined,
    },
    'it is restored by hand only': { of: group({}, 'Never'), members: [member('a:1'), member('b:1')], want: undefined },
  };

for (const [name, { of, members, want }] of Object.entries(CASES)) {
  test(name, () => {
    assert.equal(restoreStep(of, members)?.step, want);
  });
}

test('who did not come back is named', () => {
  const step = restoreStep(group(), [member('a:1'), member('b', 'RestoreFailed')]);
  assert.equal(step?.message, 'pod b did not come back: no page');
});

test('a pod that voted and is gone, another one, being deleted, failed, or on a silent node is not back any more', () => {
  const pod = (uid: string, rest: Partial<Pod['metadata']> = {}, conditions: Condition[] = []): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...META, name: 'a', uid, ...rest },
    spec: { containers: [], nodeName: 'n1' },
    status: { conditions },
  });
  const failed: Condition = { type: 'fermata.dev/Restored', status: 'False', reason: 'RestoreFailed' };
  const node = (status: 'True' | 'Unknown'): Node => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...META, name: 'n1', uid: 'n1' },
    status: { conditions: [{ type: 'Ready', status }] },
  });
  const back = (pods: Pod[]): boolean => areStillBack([member('a:1')], pods, [node('True')]);
  assert.deepEqual(
    [[pod('p-a')], [], [pod('p-b')], [pod('p-a', { deletionTimestamp: time })], [pod('p-a', {}, [failed])]].map(back),
    [true, false, false, false, false],
  );
  assert.equal(areStillBack([member('a:1')], [pod('p-a')], [node('Unknown')]), false);
});
