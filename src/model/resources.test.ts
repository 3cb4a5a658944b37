import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from './core.ts';
import {
  addResources,
  fits,
  formatResources,
  insufficientResources,
  parseResources,
  podLimits,
  podRequests,
  subtractResources,
} from './resources.ts';

const GIB = 1024 ** 3;

type Spec = Pod['spec'];
const container = (
  name: string,
  requests?: Record<string, string>,
  limits?: Record<string, string>,
): Spec['containers'][number] => ({
  name,
  image: 'busybox',
  resources: { ...(requests === undefined ? {} : { requests }), ...(limits === undefined ? {} : { limits }) },
});

describe('requests of a pod', () => {
  const cases: Record<string, { spec: Spec & { resources?: unknown }; want: Record<string, number> }> = {
    'are the sum of its containers, and one pod': {
      spec: { containers: [container('a', { cpu: '500m', memory: '1Gi' }), container('b', { cpu: '1' })] },
      want: { cpu: 1500, memory: GIB, pods: 1 },
    },
    'take the limit where the request is missing': {
      spec: { containers: [container('a', { cpu: '1' }, { cpu: '2', memory: '1Gi' })] },
      want: { cpu: 1000, memory: GIB, pods: 1 },
    },
    'are at least the largest init container': {
      spec: { initContainers: [container('i', { cpu: '3' })], containers: [container('a', { cpu: '1' })] },
      want: { cpu: 3000, pods: 1 },
    },
    'count a sidecar beside the containers, and beside the init containers after it': {
      spec: {
        initContainers: [
          container('first', { cpu: '4' }),
          { ...container('sidecar', { cpu: '1' }), restartPolicy: 'Always' },
          container('second', { cpu: '4' }),
        ],
        containers: [container('a', { cpu: '2' })],
      },
      want: { cpu: 5000, pods: 1 },
    },
    'add the overhead of the runtime class': {
      spec: { overhead: { cpu: '250m' }, containers: [container('a', { cpu: '1' })] },
      want: { cpu: 1250, pods: 1 },
    },
    'are those of the pod where it has its own': {
      spec: { resources: { requests: { cpu: '5' } }, containers: [container('a', { cpu: '1', memory: '1Gi' })] },
      want: { cpu: 5000, memory: GIB, pods: 1 },
    },
    'take the limit of the pod where nothing requests': {
      spec: { resources: { limits: { memory: '2Gi', cpu: '4' } }, containers: [container('a', { cpu: '1' })] },
      want: { cpu: 1000, memory: 2 * GIB, pods: 1 },
    },
    'hold extended resources': {
      spec: { containers: [container('a', undefined, { 'nvidia.com/gpu': '2' })] },
      want: { 'nvidia.com/gpu': 2, pods: 1 },
    },
  };
  for (const [sentence, { spec, want }] of Object.entries(cases)) {
    test(sentence, () => assert.deepEqual({ ...podRequests({ spec }) }, want));
  }
});

test('limits add the overhead only where there is a limit', () => {
  const spec: Spec = {
    overhead: { cpu: '250m', memory: '64Mi' },
    containers: [container('a', { memory: '1Gi' }, { cpu: '1' })],
  };
  assert.deepEqual({ ...podLimits({ spec }) }, { cpu: 1250 });
});

test('a pod fits when nothing it asks for is short, even on a node that is overcommitted otherwise', () => {
  const free = subtractResources(
    parseResources({ cpu: '2', memory: '1Gi', pods: '3' }),
    parseResources({ memory: '2Gi' }),
  );
  assert.equal(fits({ cpu: 2000, pods: 1 }, free), true);
  assert.deepEqual(insufficientResources({ memory: 1, cpu: 2001, 'nvidia.com/gpu': 1, pods: 3 }, free), [
    'cpu',
    'memory',
    'nvidia.com/gpu',
  ]);
});

test('amounts are written as the quantities of their resource', () => {
  assert.deepEqual(
    formatResources(addResources(parseResources({ memory: '1Gi', cpu: '1' }), { cpu: 500, 'nvidia.com/gpu': 2 })),
    { cpu: '1500m', memory: '1Gi', 'nvidia.com/gpu': '2' },
  );
});
