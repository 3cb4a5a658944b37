import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, Node, Pod, PodCheckpoint } from '../../model/index.ts';
import { findViolations, type HistoryEntry } from './violations.ts';

let revision = 0;
const metadata = (name: string, more: object = {}) => ({
  name,
  namespace: 'default',
  uid: `uid-${name}`,
  resourceVersion: String(++revision),
  creationTimestamp: '2026-01-01T00:00:00Z',
  ...more,
});

function node(name: string, cpu: string): HistoryEntry {
  const { namespace: _, ...rest } = metadata(name);
  const object: Node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: rest,
    status: { allocatable: { cpu, memory: '1Gi', pods: '10' } },
  };
  return { kind: 'Node', type: 'ADDED', object };
}

function pod(
  name: string,
  options: { node?: string; running?: boolean; workload?: string; phase?: 'Succeeded' } = {},
): HistoryEntry {
  const object: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(
      name,
      options.workload === undefined ? {} : { annotations: { 'fermata.dev/workload': options.workload } },
    ),
    spec: {
      containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '1' } } }],
      ...(options.node === undefined ? {} : { nodeName: options.node }),
    },
    status: {
      ...(options.phase === undefined ? {} : { phase: options.phase }),
      ...(options.running === true
        ? {
            containerStatuses: [
              { name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0, state: { running: {} } },
            ],
          }
        : {}),
    },
  };
  return { kind: 'Pod', type: 'MODIFIED', object };
}

function checkpoint(preemptor: string, conditions: Condition[], type: HistoryEntry['type'] = 'MODIFIED'): HistoryEntry {
  const object: PodCheckpoint = {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: metadata('victim-1'),
    spec: {
      sourcePod: { name: 'victim' },
      postCheckpointState: 'Stopped',
      reason: 'Preemption',
      preemptor: { namespace: 'default', name: preemptor, uid: `uid-${preemptor}` },
      restore: 'Automatic',
    },
    status: { nodeName: 'n', conditions },
  };
  return { kind: 'PodCheckpoint', type, object };
}

const is = (type: string, status: 'True' | 'False', reason = type): Condition => ({ type, status, reason });

const cases: Record<string, { history: () => HistoryEntry[]; violated: number[] }> = {
  'a node that is filled to the brim is not over-committed': {
    history: () => [node('n', '1'), pod('a', { node: 'n' })],
    violated: [],
  },
  'a second pod on a full node over-commits it': {
    history: () => [node('n', '1'), pod('a', { node: 'n' }), pod('b', { node: 'n' })],
    violated: [1],
  },
  'a finished pod takes no room': {
    history: () => [
      node('n', '1'),
      pod('a', { node: 'n' }),
      pod('a', { node: 'n', phase: 'Succeeded' }),
      pod('b', { node: 'n' }),
    ],
    violated: [],
  },
  'two running pods of one workload are two incarnations': {
    history: () => [pod('a', { running: true, workload: 'w' }), pod('b', { running: true, workload: 'w' })],
    violated: [2],
  },
  'deleting the checkpoint of a suspended workload deletes its only copy': {
    history: () => [
      checkpoint(
        'urgent',
        [is('Ready', 'True'), is('Released', 'True'), is('Restored', 'False', 'Suspended')],
        'DELETED',
      ),
    ],
    violated: [5],
  },
  'a restored checkpoint may go': {
    history: () => [
      checkpoint('urgent', [is('Ready', 'True'), is('Released', 'True'), is('Restored', 'True')], 'DELETED'),
    ],
    violated: [],
  },
  'a preemptor bound before the release is confirmed': {
    history: () => [node('n', '2'), checkpoint('urgent', [is('Ready', 'True')]), pod('urgent', { node: 'n' })],
    violated: [6],
  },
  'a preemptor bound after it': {
    history: () => [
      node('n', '2'),
      checkpoint('urgent', [is('Ready', 'True'), is('Released', 'True')]),
      pod('urgent', { node: 'n' }),
    ],
    violated: [],
  },
  'a preemptor bound although the dump failed found room otherwise': {
    history: () => [
      node('n', '2'),
      checkpoint('urgent', [is('Ready', 'False', 'CheckpointFailed')]),
      pod('urgent', { node: 'n' }),
    ],
    violated: [],
  },
};

for (const [name, { history, violated }] of Object.entries(cases)) {
  test(name, () => {
    // Told out of order, as watches of several kinds do: the revisions put it right.
    const entries = history().reverse();
    assert.deepEqual(
      findViolations(entries).map(({ invariant }) => invariant),
      violated,
    );
  });
}
