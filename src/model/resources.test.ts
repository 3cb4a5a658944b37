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

describe('requests while containers are resized in place', () => {
  type Statuses = NonNullable<NonNullable<Pod['status']>['containerStatuses']>;
  const status = (name: string, requests: Record<string, string>, allocated?: Record<string, string>) =>
    ({
      name,
      resources: { requests },
      ...(allocated === undefined ? {} : { allocatedResources: allocated }),
    }) as Statuses[number];
  const running = (asked: string, of: Statuses[number], more: Partial<NonNullable<Pod['status']>> = {}) => ({
    spec: { containers: [container('a', { cpu: asked })] },
    status: { containerStatuses: [of], ...more },
  });

  test('the larger of what is asked and what is in effect counts', () => {
    assert.equal(podRequests(running('1', status('a', { cpu: '2' }))).cpu, 2000);
    assert.equal(podRequests(running('3', status('a', { cpu: '2' }))).cpu, 3000);
  });

  test('what the node has allocated counts before it is in effect', () => {
    assert.equal(podRequests(running('1', status('a', { cpu: '2' }, { cpu: '4' }))).cpu, 4000);
  });

  test('what is asked does not count when the node calls the resize infeasible', () => {
    const infeasible = { type: 'PodResizePending', status: 'True', reason: 'Infeasible' } as const;
    assert.equal(podRequests(running('8', status('a', { cpu: '2' }), { conditions: [infeasible] })).cpu, 2000);
    assert.equal(podRequests(running('8', status('a', { cpu: '2' }), { resize: 'Infeasible' })).cpu, 2000);
    const deferred = { ...infeasible, reason: 'Deferred' };
    assert.equal(podRequests(running('8', status('a', { cpu: '2' }), { conditions: [deferred] })).cpu, 8000);
  });

  test('a status without resources changes nothing', () => {
    assert.equal(podRequests(running('1', { name: 'a' } as Statuses[number])).cpu, 1000);
  });

  test('a sidecar is resized like a container, a plain init container is not', () => {
    const statuses = { initContainerStatuses: [status('i', { cpu: '5' })], containerStatuses: [] };
    const init = container('i', { cpu: '1' });
    const main = container('m', { cpu: '1' });
    const spec = (initContainer: Spec['containers'][number]) => ({
      containers: [main],
      initContainers: [initContainer],
    });
    assert.equal(podRequests({ spec: spec({ ...init, restartPolicy: 'Always' }), status: statuses }).cpu, 6000);
    assert.equal(podRequests({ spec: spec(init), status: statuses }).cpu, 1000);
  });
});

test('containers without a request count with the defaults asked for, those with 0 do not', () => {
  const defaults = { cpu: 100, memory: 200 };
  const requests = (...containers: Spec['containers']) => podRequests({ spec: { containers } }, defaults);
  assert.deepEqual(requests(container('a')), { cpu: 100, memory: 200, pods: 1 });
  assert.deepEqual(requests(container('a', { cpu: '0' }), container('b', { cpu: '1', memory: '1' })), {
    cpu: 1000,
    memory: 201,
    pods: 1,
  });
});
