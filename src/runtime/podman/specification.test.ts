import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod, PodSpec } from '../../model/index.ts';
import type { PodToRun } from '../runtime.ts';
import {
  containerSpecification,
  needsInfra,
  networkOf,
  podSpecification,
  type SpecificationContext,
} from './specification.ts';

const CONTEXT: SpecificationContext = {
  node: 'node-1',
  cgroupParent: '/fermata/node-1',
  criuConfig: '/criu.conf',
  network: 'none',
  volumes: { work: '/host/work' },
};

function run(container: Partial<Container>, spec: Partial<PodSpec> = {}): PodToRun & { pod: Pod } {
  const metadata = { name: 'a-pod', namespace: 'ns', uid: 'uid-1', resourceVersion: '1', creationTimestamp: '' };
  const containers = [{ name: 'main', image: 'image:1', ...container }];
  return {
    pod: { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...spec, containers } },
    volumes: {},
    environment: {},
  };
}

const specified = (container: Partial<Container>, spec: Partial<PodSpec> = {}, context = CONTEXT) => {
  const made = run(container, spec);
  return containerSpecification(made, made.pod.spec.containers[0] ?? assert.fail(), context);
};

test('command and args are entrypoint and command, and absent ones are the image’s', () => {
  const both = specified({ command: ['a'], args: ['b', 'c'] });
  assert.deepEqual([both.entrypoint, both.command], [['a'], ['b', 'c']]);
  const none = specified({});
  assert.ok(!('entrypoint' in none) && !('command' in none));
});

test('limits become quota and bytes, requests become shares', () => {
  const { resource_limits: limits } = specified({
    resources: { requests: { cpu: '500m', memory: '1Mi' }, limits: { cpu: '1500m', memory: '64Mi' } },
  });
  assert.deepEqual(limits, {
    cpu: { shares: 512, quota: 150_000, period: 100_000 },
    memory: { limit: 64 << 20 },
    pids: { limit: 4096 },
  });
});

test('without requests a container gets the least share, and no quota', () => {
  assert.deepEqual(specified({}).resource_limits, { cpu: { shares: 2 }, pids: { limit: 4096 } });
});

test('io_uring is switched off for libuv unless the pod sets it itself', () => {
  assert.deepEqual(specified({}).env, { UV_USE_IO_URING: '0' });
  const own = { ...run({}), environment: { main: { UV_USE_IO_URING: '1', A: 'b' } } };
  const made = containerSpecification(own, own.pod.spec.containers[0] ?? assert.fail(), CONTEXT);
  assert.deepEqual(made.env, { UV_USE_IO_URING: '1', A: 'b' });
});

test('the shared memory of a container is a file system of its own, unless it mounts one', () => {
  const shm = (container: Partial<Container>) =>
    specified(container).mounts.filter((mount) => mount.destination === '/dev/shm');
  assert.equal(shm({})[0]?.type, 'tmpfs');
  const own = shm({ volumeMounts: [{ name: 'work', mountPath: '/dev/shm' }] });
  assert.deepEqual(
    own.map(({ type, source }) => [type, source]),
    [['bind', '/host/work']],
  );
});

test('a volume is bound by its folder and sub-path', () => {
  const volumeMounts = [{ name: 'work', mountPath: '/w', subPath: 'a/b', readOnly: true }];
  assert.deepEqual(specified({ volumeMounts }).mounts[0], {
    type: 'bind',
    source: '/host/work/a/b',
    destination: '/w',
    options: ['rbind', 'ro'],
  });
});

test('what the container says of security goes before what the pod says', () => {
  const made = specified(
    { securityContext: { runAsUser: 7, capabilities: { drop: ['ALL'] }, allowPrivilegeEscalation: false } },
    { securityContext: { runAsUser: 1, runAsGroup: 2 } },
  );
  assert.deepEqual([made.user, made.cap_drop, made.no_new_privileges], ['7:2', ['ALL'], true]);
});

test('a container is never restarted by Podman, and says where its CRIU options are', () => {
  const made = specified({});
  assert.equal(made.restart_policy, 'no');
  assert.equal((made.annotations as Record<string, string>)['org.criu.config'], '/criu.conf');
});

test('only containers that share something need an infra container', () => {
  const single = run({}).pod;
  const several = { ...single, spec: { containers: [...single.spec.containers, { name: 'other', image: 'x' }] } };
  const host = { ...several, spec: { ...several.spec, hostNetwork: true } };
  assert.equal(needsInfra(single, networkOf(single, 'none')), false);
  assert.equal(needsInfra(several, networkOf(several, 'none')), true);
  assert.equal(needsInfra(single, networkOf(single, 'bridge')), true);
  assert.equal(needsInfra(host, networkOf(host, 'bridge')), false);
});

test('a pod shares network and host name, and never memory', () => {
  const made = podSpecification(run({}, { hostname: 'named' }).pod, CONTEXT, 'pause');
  assert.deepEqual([made.shared_namespaces, made.hostname], [['net', 'uts'], 'named']);
});

test('in a pod the namespaces are the pod’s', () => {
  const made = specified({}, {}, { ...CONTEXT, podmanPod: 'pod-id' });
  assert.equal(made.pod, 'pod-id');
  assert.ok(!('netns' in made) && !('hostname' in made));
});
