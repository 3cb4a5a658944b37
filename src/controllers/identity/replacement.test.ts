import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Condition, OwnerReference, Pod, PodCheckpoint } from '../../model/index.ts';
import { type Candidate, type NewPod, replacementOf, sourceState } from './replacement.ts';
import { slotOf } from './slot.ts';

const INDEX = 'batch.kubernetes.io/job-completion-index';

function ref(kind: string, uid = 'o1', name = 'owner'): OwnerReference {
  const apiVersion = { Job: 'batch/v1', ReplicationController: 'v1', Rank: 'mpi.example/v1' }[kind] ?? 'apps/v1';
  return { apiVersion, kind, name, uid, controller: true };
}

interface Made {
  kind?: string;
  owner?: string;
  index?: string;
  name?: string;
  hash?: string;
  image?: string;
}

function newPod({ kind = 'ReplicaSet', owner, index, name, hash, image = 'i' }: Made = {}): NewPod {
  return {
    metadata: {
      ...(name !== undefined && { name }),
      ...(kind !== '' && { ownerReferences: [ref(kind, owner)] }),
      ...(index !== undefined && { annotations: { [INDEX]: index } }),
      ...(hash !== undefined && { labels: { 'controller-revision-hash': hash } }),
    },
    spec: { containers: [{ name: 'c', image }] },
  };
}

interface Kept extends Made {
  checkpoint?: string;
  conditions?: Condition[];
  restore?: 'Automatic' | 'Manual' | 'Never';
  state?: 'Running' | 'Stopped';
  enqueued?: string;
}

function candidate(made: Kept = {}, rest: Partial<Candidate> = {}): Candidate {
  const { metadata, spec } = newPod({ name: 'source', ...made });
  const checkpoint: PodCheckpoint = {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: {
      name: made.checkpoint ?? 'cp',
      namespace: 'team',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: made.enqueued ?? '2026-01-01T10:00:00Z',
    },
    spec: {
      sourcePod: { name: made.name ?? 'source', uid: 's1' },
      postCheckpointState: made.state ?? 'Stopped',
      restore: made.restore ?? 'Automatic',
    },
    status: {
      conditions: made.conditions ?? [{ type: 'Ready', status: 'True' }],
      checkpointedPodTemplate: { metadata, spec },
    },
  };
  return { checkpoint, source: 'Gone', claim: 'Free', ...rest };
}

const CASES: Record<string, { pod: NewPod; candidates: Candidate[]; want: string }> = {
  'another pod of the ReplicaSet goes on, whatever its name': {
    pod: newPod(),
    candidates: [candidate()],
    want: 'NextIncarnation cp',
  },
  'a pod of a Job goes on': {
    pod: newPod({ kind: 'Job' }),
    candidates: [candidate({ kind: 'Job' })],
    want: 'NextIncarnation cp',
  },
  'of an Indexed Job only the same index goes on': {
    pod: newPod({ kind: 'Job', index: '2' }),
    candidates: [candidate({ kind: 'Job', index: '1' }), candidate({ kind: 'Job', index: '2', checkpoint: 'two' })],
    want: 'NextIncarnation two',
  },
  'of a StatefulSet only the same ordinal goes on': {
    pod: newPod({ kind: 'StatefulSet', name: 'web-1' }),
    candidates: [candidate({ kind: 'StatefulSet', name: 'web-0' })],
    want: 'Newcomer',
  },
  'of an operator of its own kind the pod of the same name goes on': {
    pod: newPod({ kind: 'Rank', name: 'rank-0' }),
    candidates: [candidate({ kind: 'Rank', name: 'rank-0' })],
    want: 'NextIncarnation cp',
  },
  'the pods of another owner are newcomers, though it has the same name': {
    pod: newPod({ owner: 'o2' }),
    candidates: [candidate()],
    want: 'Newcomer',
  },
  'scaling up while the victim still runs adds a newcomer': {
    pod: newPod(),
    candidates: [candidate({}, { source: 'Present' })],
    want: 'Newcomer',
  },
  'the replacement may come before the room is released': {
    pod: newPod(),
    candidates: [candidate({}, { source: 'Leaving' })],
    want: 'NextIncarnation cp',
  },
  'a pod deleted in the middle of its dump is replaced when that is over': {
    pod: newPod(),
    candidates: [
      candidate(
        { conditions: [{ type: 'Ready', status: 'False', reason: 'CheckpointInProgress' }] },
        { source: 'Leaving' },
      ),
    ],
    want: 'NotYet cp',
  },
  'after a failed dump a replacement starts anew': {
    pod: newPod(),
    candidates: [candidate({ conditions: [{ type: 'Ready', status: 'False', reason: 'CheckpointFailed' }] })],
    want: 'Newcomer',
  },
  'of two suspended the one that came first goes on first': {
    pod: newPod(),
    candidates: [
      candidate({ checkpoint: 'later', enqueued: '2026-01-01T12:00:00Z' }),
      candidate({ checkpoint: 'first', enqueued: '2026-01-01T11:00:00Z' }),
    ],
    want: 'NextIncarnation first',
  },
  'a second replacement takes the second slot': {
    pod: newPod(),
    candidates: [candidate({ checkpoint: 'a' }, { claim: 'Taken' }), candidate({ checkpoint: 'b' })],
    want: 'NextIncarnation b',
  },
  'a second replacement of one slot is a newcomer once the first is seen': {
    pod: newPod(),
    candidates: [candidate({}, { claim: 'Taken' })],
    want: 'Newcomer',
  },
  'and waits while the first may yet be refused': {
    pod: newPod(),
    candidates: [candidate({}, { claim: 'UnderWay' })],
    want: 'NotYet cp',
  },
  'a rollout starts from its image': {
    pod: newPod({ kind: 'StatefulSet', name: 'source', hash: 'v2' }),
    candidates: [candidate({ kind: 'StatefulSet', hash: 'v1' })],
    want: 'Changed cp',
  },
  'an edited ReplicaSet starts from its image': {
    pod: newPod({ image: 'other' }),
    candidates: [candidate()],
    want: 'Changed cp',
  },
  'what was restored already is over': {
    pod: newPod(),
    candidates: [
      candidate({
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'Restored', status: 'True' },
        ],
      }),
    ],
    want: 'Newcomer',
  },
  'what was given up is over': {
    pod: newPod(),
    candidates: [
      candidate({
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'Restored', status: 'False', reason: 'Abandoned' },
        ],
      }),
    ],
    want: 'Newcomer',
  },
  'after a failed restore the next pod tries again': {
    pod: newPod(),
    candidates: [
      candidate({
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'Restored', status: 'False', reason: 'RestoreFailed' },
        ],
      }),
    ],
    want: 'NextIncarnation cp',
  },
  'a checkpoint beside which the pod ran on suspends nobody': {
    pod: newPod(),
    candidates: [candidate({ state: 'Running' })],
    want: 'Newcomer',
  },
  'restore: Never is obeyed': { pod: newPod(), candidates: [candidate({ restore: 'Never' })], want: 'Newcomer' },
};

for (const [sentence, { pod, candidates, want }] of Object.entries(CASES)) {
  test(`a new pod: ${sentence}`, () => {
    const found = replacementOf(pod, candidates);
    assert.equal('checkpoint' in found ? `${found.type} ${found.checkpoint.metadata.name}` : found.type, want);
  });
}

test('no checkpoint is given to two pods, and none to a pod of another slot', () => {
  const kind = fc.constantFrom('Job', 'ReplicaSet', 'StatefulSet', 'Rank');
  const made = fc.record({ kind, owner: fc.constantFrom('o1', 'o2'), name: fc.constantFrom('p-0', 'p-1') });
  fc.assert(
    fc.property(fc.array(made, { maxLength: 6 }), fc.array(made, { maxLength: 8 }), (suspended, coming) => {
      let open = suspended.map((each, number) => candidate({ ...each, checkpoint: `cp-${number}` }));
      for (const each of coming) {
        const pod = newPod(each);
        const found = replacementOf(pod, open);
        if (found.type === 'Newcomer') {
          assert.ok(open.every((one) => one.claim === 'Taken' || slotOfSource(one) !== slotOf(pod.metadata)));
          continue;
        }
        assert.ok(found.type === 'NextIncarnation');
        const taken = open.find(({ checkpoint }) => checkpoint === found.checkpoint);
        assert.ok(taken?.claim === 'Free' && slotOfSource(taken) === slotOf(pod.metadata));
        open = open.map((one) => (one === taken ? { ...one, claim: 'Taken' } : one));
      }
    }),
  );
});

function slotOfSource({ checkpoint }: Candidate): string {
  return slotOf({
    ...(checkpoint.status?.checkpointedPodTemplate?.metadata as object),
    name: checkpoint.spec.sourcePod.name,
  });
}

test('a pod that its Job has let go is leaving before it is deleted', () => {
  const { checkpoint } = candidate({ kind: 'Job' });
  const pod = (metadata: object): Pod => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'source', uid: 's1', resourceVersion: '1', creationTimestamp: '', ...metadata },
    spec: { containers: [] },
  });
  assert.equal(sourceState(checkpoint, pod({ ownerReferences: [ref('Job')] })), 'Present');
  assert.equal(sourceState(checkpoint, pod({})), 'Leaving');
  assert.equal(sourceState(checkpoint, pod({ ownerReferences: [ref('Job')], deletionTimestamp: 'x' })), 'Leaving');
  assert.equal(sourceState(checkpoint, pod({ uid: 'another' })), 'Gone');
  assert.equal(sourceState(checkpoint, undefined), 'Gone');
});
