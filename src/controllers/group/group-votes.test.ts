import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Node, Pod, PodCheckpoint } from '../../model/index.ts';
import { withdrawnVote } from './group-votes.ts';

const META = { namespace: 'lab', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const VOTE: PodCheckpoint = {
  apiVersion: 'fermata.dev/v1alpha1',
  kind: 'PodCheckpoint',
  metadata: { ...META, name: 'ring-a', uid: 'c' },
  spec: { sourcePod: { name: 'a', uid: 'pod-a' } },
  status: { nodeName: 'n1' },
};

function pod(rest: Partial<Pod['metadata']> = {}): Pod {
  const metadata = { ...META, name: 'a', uid: 'pod-a', ...rest };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } };
}

function node(name: string, status?: 'True' | 'False' | 'Unknown', reason?: string): Node {
  const conditions = status && [{ type: 'Ready', status, ...(reason !== undefined && { reason }) }];
  const metadata = { ...META, name, uid: name };
  return { apiVersion: 'v1', kind: 'Node', metadata, ...(conditions && { status: { conditions } }) };
}

const CASES: Readonly<Record<string, { pods: Pod[]; nodes: Node[]; want: string | undefined }>> = {
  'stands while pod and node are there': { pods: [pod()], nodes: [node('n1', 'True')], want: undefined },
  'is withdrawn with its pod': {
    ...{ pods: [pod({ uid: 'another' })], nodes: [node('n1', 'True')] },
    want: 'pod a is gone since it was prepared',
  },
  'is withdrawn with a pod that is to go': {
    ...{ pods: [pod({ deletionTimestamp: META.creationTimestamp })], nodes: [node('n1', 'True')] },
    want: 'pod a is being deleted',
  },
  'is withdrawn with its node': {
    ...{ pods: [pod()], nodes: [node('n2', 'True')] },
    want: 'node n1 is gone since pod a was prepared on it',
  },
  'is withdrawn when its node falls silent': {
    ...{ pods: [pod()], nodes: [node('n1', 'Unknown', 'NodeStatusUnknown')] },
    want: 'node n1 does not answer (NodeStatusUnknown) since pod a was prepared on it',
  },
  'is withdrawn when its node has never answered': {
    ...{ pods: [pod()], nodes: [node('n1')] },
    want: 'node n1 does not answer (not Ready) since pod a was prepared on it',
  },
};

for (const [sentence, { pods, nodes, want }] of Object.entries(CASES)) {
  test(`a vote ${sentence}`, () => {
    assert.equal(withdrawnVote([VOTE], pods, nodes), want);
  });
}
