import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerState, ContainerStatus, Pod } from '../../model/index.ts';
import { restoreOf, restoreOutcome } from './restore-outcome.ts';

const RUNNING: ContainerState = { running: { startedAt: '2026-01-01T00:00:00Z' } };

function pod(states: Record<string, ContainerState | undefined>, lastState?: ContainerState): Pod {
  const statuses = Object.entries(states).flatMap(([name, state]): ContainerStatus[] =>
    state === undefined
      ? []
      : [{ name, state, image: '', imageID: '', ready: true, restartCount: 0, ...(lastState && { lastState }) }],
  );
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
      annotations: { 'fermata.dev/restore-from': 'c' },
    },
    spec: {
      containers: Object.keys(states).map((name) => ({ name, image: `127.0.0.1:1/fermata/u/${name}:checkpoint` })),
    },
    status: { containerStatuses: statuses },
  };
}

const CASES: Record<string, { pod: Pod; want: 'waiting' | 'restored' | RegExp }> = {
  'a pod of which the kubelet says nothing yet waits': { pod: pod({ a: undefined }), want: 'waiting' },
  'one whose images are being pulled waits': {
    pod: pod({ a: { waiting: { reason: 'ContainerCreating' } } }),
    want: 'waiting',
  },
  'one of which a container is still to come waits': { pod: pod({ a: RUNNING, b: undefined }), want: 'waiting' },
  'one whose containers all run is restored': { pod: pod({ a: RUNNING, b: RUNNING }), want: 'restored' },
  'one that has done its work meanwhile is restored': {
    pod: pod({ a: { terminated: { exitCode: 0, reason: 'Completed' } } }),
    want: 'restored',
  },
  'one whose program failed after the restore is restored': {
    pod: pod({ a: { terminated: { exitCode: 1, reason: 'Error' } } }),
    want: 'restored',
  },
  'data that cannot be had is a failure': {
    pod: pod({ a: RUNNING, b: { waiting: { reason: 'ErrImagePull', message: 'node n1 does not have its data' } } }),
    want: /container b: ErrImagePull: node n1 does not have its data/,
  },
  'a container runtime that refuses is a failure': {
    pod: pod({ a: { waiting: { reason: 'CreateContainerError', message: 'base image' } } }),
    want: /base image/,
  },
  'a process that CRIU cannot bring back is a failure': {
    pod: pod({ a: { terminated: { exitCode: 128, reason: 'StartError', message: 'criu failed' } } }),
    want: /criu failed/,
  },
  'and stays one while the kubelet waits for its next try': {
    pod: pod(
      { a: { waiting: { reason: 'CrashLoopBackOff' } } },
      { terminated: { exitCode: 128, reason: 'StartError' } },
    ),
    want: /StartError/,
  },
};

for (const [name, { pod, want }] of Object.entries(CASES)) {
  test(name, () => {
    const outcome = restoreOutcome(pod);
    if (typeof want === 'string') assert.deepEqual(outcome, { state: want });
    else assert.match(outcome.state === 'failed' ? outcome.message : '', want);
  });
}

test('a pod that runs its own images is restored by somebody else', () => {
  assert.equal(restoreOf(pod({ a: RUNNING }), '127.0.0.1:1'), 'c');
  assert.equal(restoreOf(pod({ a: RUNNING }), '127.0.0.1:2'), undefined);
});
