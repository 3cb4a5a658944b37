import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EVENTS, NODES, PODS, type Pod } from '../core.ts';
import { kindOf } from '../kinds.ts';
import type { ResourceType } from '../meta.ts';
import { POD_CHECKPOINTS, type PodCheckpoint } from '../podcheckpoint.ts';
import { podCheckpointStatusText, sizeText } from './checkpoint-columns.ts';
import { podStatusText } from './pod-columns.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const metadata = {
  name: 'o',
  namespace: 'n',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:55:00Z',
};

/** What `kubectl get [-o wide]` shows, by column. */
function row(type: Pick<ResourceType, 'group' | 'kind'>, object: object, priority = 0): Record<string, unknown> {
  const columns = kindOf(type)?.columns.filter((column) => column.priority <= priority) ?? [];
  return Object.fromEntries(columns.map((column) => [column.name, column.value(object as never, NOW)]));
}

const pod = (status: object, spec: object = {}, more: object = {}): Pod =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, ...more },
    spec: { containers: [{ name: 'c' }], ...spec },
    status,
  }) as Pod;
const container = (state: object, ready = false, restartCount = 0): object => ({
  name: 'c',
  state,
  ready,
  restartCount,
});
const running = { running: { startedAt: '2026-01-01T00:56:00Z' } };

describe('the status of a pod reads', () => {
  const cases: Record<string, [string, Pod]> = {
    'Pending, before anything happened': ['Pending', pod({ phase: 'Pending' })],
    'Running, while its container does': [
      'Running',
      pod({ phase: 'Running', containerStatuses: [container(running, true)] }),
    ],
    'what its container waits for': [
      'ImagePullBackOff',
      pod({ phase: 'Pending', containerStatuses: [container({ waiting: { reason: 'ImagePullBackOff' } })] }),
    ],
    'Completed, when its container is done': [
      'Completed',
      pod({ phase: 'Succeeded', containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } })] }),
    ],
    'the exit code, when there is no reason': [
      'ExitCode:3',
      pod({ phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 3 } })] }),
    ],
    'NotReady, when one is done and the other not ready for others': [
      'NotReady',
      pod(
        {
          phase: 'Running',
          containerStatuses: [
            container({ terminated: { exitCode: 0, reason: 'Completed' } }),
            container(running, true),
          ],
        },
        { containers: [{ name: 'c' }, { name: 'd' }] },
      ),
    ],
    'Init:0/2, in its first init container': [
      'Init:0/2',
      pod(
        { phase: 'Pending', initContainerStatuses: [container(running)] },
        { initContainers: [{ name: 'c' }, { name: 'd' }] },
      ),
    ],
    'Init:Error, when that fails': [
      'Init:Error',
      pod(
        { phase: 'Pending', initContainerStatuses: [container({ terminated: { exitCode: 1, reason: 'Error' } })] },
        { initContainers: [{ name: 'c' }] },
      ),
    ],
    'Terminating, when it is being deleted': [
      'Terminating',
      pod({ phase: 'Running', containerStatuses: [container(running, true)] }, {}, { deletionTimestamp: 'x' }),
    ],
    'SchedulingGated, behind a gate': [
      'SchedulingGated',
      pod({ phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }),
    ],
    'Suspended, gated or not, when that is why it waits': [
      'Suspended',
      pod({
        phase: 'Pending',
        reason: 'Suspended',
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
      }),
    ],
    'Unknown, when its node is lost while it goes': [
      'Unknown',
      pod({ phase: 'Running', reason: 'NodeLost' }, {}, { deletionTimestamp: 'x' }),
    ],
  };
  for (const [sentence, [want, object]] of Object.entries(cases)) {
    test(sentence, () => assert.equal(podStatusText(object), want));
  }
});

test('a pod is one row, with its sidecar counted and its last restart dated', () => {
  const object = pod(
    {
      phase: 'Running',
      podIP: '10.0.0.7',
      initContainerStatuses: [{ name: 's', ready: true, started: true, restartCount: 0, state: running }],
      containerStatuses: [
        {
          ...container(running, true, 2),
          lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:58:00Z' } },
        },
      ],
    },
    {
      nodeName: 'node-1',
      initContainers: [{ name: 's', restartPolicy: 'Always' }],
      readinessGates: [{ conditionType: 'x' }],
    },
  );
  assert.deepEqual(row(PODS, object, 1), {
    Name: 'o',
    Ready: '2/2',
    Status: 'Running',
    Restarts: '2 (2m ago)',
    Age: '5m',
    IP: '10.0.0.7',
    Node: 'node-1',
    'Nominated Node': '<none>',
    'Readiness Gates': '0/1',
  });
});

test('a node shows its roles, and that it takes no pods', () => {
  const node = {
    metadata: {
      ...metadata,
      labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' },
    },
    spec: { unschedulable: true },
    status: { conditions: [{ type: 'Ready', status: 'True' }], nodeInfo: { kubeletVersion: 'v1.35.0' } },
  };
  assert.deepEqual(row(NODES, node), {
    Name: 'o',
    Status: 'Ready,SchedulingDisabled',
    Roles: 'control-plane,worker',
    Age: '5m',
    Version: 'v1.35.0',
  });
});

test('an event shows when it was seen last, whichever way it says so', () => {
  const event = {
    metadata,
    type: 'Warning',
    reason: 'CheckpointFailed',
    message: ' no memory \n',
    involvedObject: { kind: 'Pod', name: 'p' },
    lastTimestamp: '2026-01-01T00:59:00Z',
  };
  assert.deepEqual(row(EVENTS, event), {
    'Last Seen': '60s',
    Type: 'Warning',
    Reason: 'CheckpointFailed',
    Object: 'pod/p',
    Message: 'no memory',
  });
  const series = { ...event, series: { count: 4, lastObservedTime: '2026-01-01T00:59:30.000000Z' } };
  assert.equal(row(EVENTS, series, 1)['Last Seen'], '30s');
  assert.equal(row(EVENTS, series, 1).Count, 4);
});

test('a checkpoint shows how far the workload has come', () => {
  const checkpoint = (...conditions: object[]): PodCheckpoint =>
    ({
      apiVersion: 'fermata.dev/v1alpha1',
      kind: 'PodCheckpoint',
      metadata,
      spec: { sourcePod: { name: 'p' }, reason: 'Preemption' },
      status: {
        nodeName: 'node-1',
        conditions,
        checkpointedContainers: [
          { name: 'a', sizeBytes: 1024 ** 3 },
          { name: 'b', sizeBytes: 512 * 1024 ** 2 },
        ],
      },
    }) as PodCheckpoint;
  const ready = { type: 'Ready', status: 'True', reason: 'CheckpointCompleted' };
  const released = { type: 'Released', status: 'True' };
  assert.deepEqual(row(POD_CHECKPOINTS, checkpoint(ready)), {
    Name: 'o',
    Pod: 'p',
    Node: 'node-1',
    Reason: 'Preemption',
    Status: 'CheckpointCompleted',
    Size: '1.5Gi',
    Age: '5m',
  });
  assert.equal(podCheckpointStatusText(checkpoint()), 'Pending');
  assert.equal(podCheckpointStatusText(checkpoint(ready, released)), 'Released');
  const suspended = { type: 'Restored', status: 'False', reason: 'Suspended' };
  assert.equal(podCheckpointStatusText(checkpoint(ready, released, suspended)), 'Suspended');
  assert.equal(podCheckpointStatusText(checkpoint(ready, released, { type: 'Restored', status: 'True' })), 'Restored');
});

test('sizes are rounded for people', () => {
  assert.deepEqual([0, 1000, 1536, 263 * 1024 ** 2, 3 * 1024 ** 4].map(sizeText), [
    '0',
    '1000',
    '1.5Ki',
    '263Mi',
    '3Ti',
  ]);
});
