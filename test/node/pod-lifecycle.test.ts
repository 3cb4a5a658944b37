import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CONFIG_MAPS,
  type Container,
  type ContainerStatus,
  isConditionTrue,
  LEASES,
  NODES,
  PODS,
  type PodSpec,
} from '../../src/model/index.ts';
import { counting, LIST_MILLISECONDS, NodeWorld, STEPS } from './node-world.ts';

const KEY = { namespace: 'default', name: 'p' };

/** A pod `p` bound to n1, with the spec of the counting pod changed. */
async function run(
  world: NodeWorld,
  change: (spec: PodSpec, container: Container) => PodSpec,
  steps = 5,
): Promise<void> {
  const draft = counting('p', { nodeName: 'n1', steps });
  const [container] = draft.spec.containers;
  assert.ok(container);
  await world.store.create(PODS, { ...draft, spec: change(draft.spec, container) });
}

async function containerOf(world: NodeWorld): Promise<Partial<ContainerStatus>> {
  return (await world.pod('p'))?.status?.containerStatuses?.[0] ?? {};
}

function failing(container: Container, exitCode = 1): Container {
  return { ...container, env: [...(container.env ?? []), { name: 'FERMATA_EXIT_CODE', value: String(exitCode) }] };
}

test('a pod that never restarts goes from Pending over Running to Succeeded', async () => {
  const world = new NodeWorld();
  await run(world, (spec) => spec);
  await world.until(async () => (await world.phase('p')) === 'Running');
  const running = await world.pod('p');
  assert.ok(isConditionTrue(running?.status?.conditions, 'Ready'));
  assert.ok(isConditionTrue(running?.status?.conditions, 'PodScheduled'));
  assert.equal(running?.status?.hostIP, '127.0.0.1');
  assert.ok(running?.status?.startTime);
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  const status = await containerOf(world);
  assert.deepEqual([status.state?.terminated?.exitCode, status.state?.terminated?.reason], [0, 'Completed']);
  assert.deepEqual(world.outputs.steps('/shared/p', world.clock.now()), STEPS(5));
  for (const reason of ['Pulled', 'Created', 'Started']) assert.equal((await world.events(reason)).length, 1);
  await world.stop();
  assert.equal(world.clock.pending, 0);
});

test('a container that fails again and again waits 10 s, 20 s, 40 s between its restarts', async () => {
  const world = new NodeWorld();
  const starts: number[] = [];
  const { runtime } = world.life();
  const listen = new AbortController();
  void (async () => {
    for await (const _ of runtime.changes(listen.signal)) {
      const startedAt = (await runtime.list())[0]?.containers[0]?.startedAt;
      if (startedAt !== undefined && starts.at(-1) !== startedAt) starts.push(startedAt);
    }
  })();
  await run(world, (spec, container) => ({ ...spec, restartPolicy: 'Always', containers: [failing(container)] }), 1);
  await world.until(async () => (await world.pod('p'))?.status?.containerStatuses?.[0]?.restartCount === 4);
  listen.abort();
  const waits = starts.slice(1).map((start, index) => Math.round((start - (starts[index] ?? 0)) / 1000));
  assert.deepEqual(waits, [0, 10, 20, 40]);
  await world.until(async () => (await containerOf(world)).state?.waiting?.reason === 'CrashLoopBackOff');
  const status = await containerOf(world);
  assert.match(status.state?.waiting?.message ?? '', /^back-off 80s restarting failed container=main pod=p_default/);
  assert.equal(status.lastState?.terminated?.exitCode, 1);
  assert.equal(await world.phase('p'), 'Running');
  assert.ok((await world.events('BackOff')).length > 0);
  await world.stop();
});

test('a failed container of a pod that never restarts fails the pod', async () => {
  const world = new NodeWorld();
  await run(world, (spec, container) => ({ ...spec, containers: [failing(container, 3)] }));
  await world.until(async () => (await world.phase('p')) === 'Failed');
  assert.equal((await containerOf(world)).state?.terminated?.exitCode, 3);
  await world.stop();
});

test('init containers run one after the other before the others, and a failed one ends a pod that never restarts', async () => {
  const world = new NodeWorld();
  await run(
    world,
    (spec, container) => ({
      ...spec,
      initContainers: [
        { ...container, name: 'one' },
        { ...container, name: 'two' },
      ],
    }),
    15,
  );
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  const statuses = (await world.pod('p'))?.status?.initContainerStatuses ?? [];
  const times = statuses.map(({ state }) => Date.parse(String(state?.terminated?.startedAt)));
  assert.ok((times[0] ?? 0) < (times[1] ?? 0));
  const main = Date.parse(String((await containerOf(world)).state?.terminated?.startedAt));
  assert.ok((times[1] ?? 0) < main);
  await world.store.delete(PODS, KEY);
  await world.until(async () => (await world.pod('p')) === undefined);

  await run(world, (spec, container) => ({ ...spec, initContainers: [{ ...failing(container), name: 'one' }] }));
  await world.until(async () => (await world.phase('p')) === 'Failed');
  assert.equal((await containerOf(world)).state?.waiting?.reason, 'PodInitializing');
  await world.stop();
});

test('a sidecar runs beside the others and does not outlive them', async () => {
  const world = new NodeWorld();
  await run(world, (spec, container) => ({
    ...spec,
    initContainers: [{ name: 'side', image: container.image ?? '', restartPolicy: 'Always' }],
  }));
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  await world.until(async () => (await world.life().runtime.list()).length === 0);
  assert.equal(await world.phase('p'), 'Succeeded');
  await world.stop();
});

test('an active deadline ends the pod', async () => {
  const world = new NodeWorld();
  await run(world, (spec) => ({ ...spec, activeDeadlineSeconds: 3 }), 1000);
  await world.until(async () => (await world.phase('p')) === 'Failed');
  const { status } = (await world.pod('p')) ?? {};
  assert.equal(status?.reason, 'DeadlineExceeded');
  assert.deepEqual(await world.life().runtime.list(), []);
  await world.stop();
});

test('an image that does not exist is tried again with backoff, and the pod says so', async () => {
  const world = new NodeWorld();
  await run(world, (spec, container) => ({ ...spec, containers: [{ ...container, image: 'registry.invalid/x:1' }] }));
  await world.until(async () => (await containerOf(world)).state?.waiting?.reason === 'ErrImagePull');
  assert.equal(await world.phase('p'), 'Pending');
  await world.until(async () => (await containerOf(world)).state?.waiting?.reason === 'ImagePullBackOff');
  assert.ok((await world.events('Failed')).length > 0);
  await world.store.delete(PODS, KEY);
  await world.until(async () => (await world.pod('p')) === undefined);
  await world.stop();
});

test('a container whose ConfigMap is missing starts as soon as it is there', async () => {
  const world = new NodeWorld();
  await run(world, (spec, container) => ({
    ...spec,
    containers: [
      {
        ...container,
        env: [...(container.env ?? []), { name: 'X', valueFrom: { configMapKeyRef: { name: 'cm', key: 'x' } } }],
      },
    ],
  }));
  await world.until(async () => (await containerOf(world)).state?.waiting?.reason === 'CreateContainerConfigError');
  assert.match((await containerOf(world)).state?.waiting?.message ?? '', /configmap "cm" not found/);
  await world.store.create(CONFIG_MAPS, { metadata: { name: 'cm', namespace: 'default' }, data: { x: '1' } });
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  await world.stop();
});

test('a pod that is deleted gets its grace period and disappears only when it is gone', async () => {
  const world = new NodeWorld();
  await run(
    world,
    (spec, container) => ({
      ...spec,
      terminationGracePeriodSeconds: 20,
      containers: [{ ...container, env: [...(container.env ?? []), { name: 'FERMATA_IGNORE_TERM', value: '1' }] }],
    }),
    0,
  );
  await world.until(async () => (await world.phase('p')) === 'Running');
  const asked = world.clock.now();
  await world.store.delete(PODS, KEY);
  await world.until(async () => (await world.pod('p')) === undefined);
  assert.ok(world.clock.now() - asked >= 20_000);
  assert.deepEqual(await world.life().runtime.list(), []);
  await world.stop();
});

test('a second deletion with a shorter grace cuts the first one short', async () => {
  const world = new NodeWorld();
  await run(
    world,
    (spec, container) => ({
      ...spec,
      terminationGracePeriodSeconds: 600,
      containers: [{ ...container, env: [...(container.env ?? []), { name: 'FERMATA_IGNORE_TERM', value: '1' }] }],
    }),
    0,
  );
  await world.until(async () => (await world.phase('p')) === 'Running');
  const asked = world.clock.now();
  await world.store.delete(PODS, KEY);
  await world.pass(5);
  await world.store.delete(PODS, KEY, { gracePeriodSeconds: 2 });
  await world.until(async () => (await world.pod('p')) === undefined);
  assert.ok(world.clock.now() - asked < 10_000);
  await world.stop();
});

test('nothing starts in the room of a pod that was deleted by force before its processes are gone', async () => {
  const world = new NodeWorld();
  await run(
    world,
    (spec, container) => ({
      ...spec,
      terminationGracePeriodSeconds: 8,
      containers: [{ ...container, env: [...(container.env ?? []), { name: 'FERMATA_IGNORE_TERM', value: '1' }] }],
    }),
    0,
  );
  await world.until(async () => (await world.phase('p')) === 'Running');
  await world.store.delete(PODS, KEY, { gracePeriodSeconds: 0 });
  await world.store.create(PODS, counting('next', { nodeName: 'n1', steps: 3 }));
  await world.pass(5);
  assert.equal(await world.phase('next'), 'Pending');
  assert.equal((await world.life().runtime.list()).filter((pod) => pod.containers[0]?.state === 'running').length, 1);
  await world.until(async () => (await world.phase('next')) === 'Succeeded');
  await world.stop();
});

test('nor does it when the node was dead while that pod was deleted', async () => {
  const world = new NodeWorld();
  await run(
    world,
    (spec, container) => ({
      ...spec,
      containers: [{ ...container, env: [...(container.env ?? []), { name: 'FERMATA_IGNORE_TERM', value: '1' }] }],
    }),
    0,
  );
  await world.until(async () => (await world.phase('p')) === 'Running');
  world.life().death.kill();
  await world.store.delete(PODS, KEY, { gracePeriodSeconds: 0 });
  await world.store.create(PODS, counting('next', { nodeName: 'n1', steps: 3 }));
  // The default grace of 30 s, since nobody knows the pod's own any more.
  await world.pass(20);
  assert.equal(await world.phase('next'), 'Pending');
  assert.equal((await world.life().runtime.list()).filter((pod) => pod.containers[0]?.state === 'running').length, 1);
  await world.until(async () => (await world.phase('next')) === 'Succeeded');
  await world.stop();
});

test('a pod that fits only beside pods that stay is rejected', async () => {
  const world = new NodeWorld();
  await run(world, (spec) => spec, 0);
  await world.until(async () => (await world.phase('p')) === 'Running');
  await world.store.create(PODS, counting('more', { nodeName: 'n1' }));
  await world.until(async () => (await world.phase('more')) === 'Failed');
  assert.equal((await world.pod('more'))?.status?.reason, 'OutOfcpu');
  assert.equal(await world.phase('p'), 'Running');
  await world.stop();
});

test('a node that is killed takes over what runs, without a restart', async () => {
  const world = new NodeWorld();
  await run(world, (spec) => spec, 50);
  await world.until(async () => (await world.phase('p')) === 'Running');
  world.life().death.kill();
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  assert.equal(world.nodes[0]?.lives.length, 2);
  assert.equal((await containerOf(world)).restartCount, 0);
  assert.deepEqual(world.outputs.steps('/shared/p', world.clock.now()), STEPS(50));
  await world.stop();
});

test('containers that a power failure ended start again, by their restart policy', async () => {
  const world = new NodeWorld();
  await run(world, (spec) => ({ ...spec, restartPolicy: 'OnFailure' }), 30);
  await world.until(async () => (await world.phase('p')) === 'Running');
  world.life().death.kill();
  world.nodes[0]?.machine.powerFail(world.clock.now());
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  assert.equal((await containerOf(world)).restartCount, 1);
  await world.stop();
});

test('what a nominated pod needs is made ahead, and removed when the nomination goes', async () => {
  const world = new NodeWorld();
  await world.until(() => world.clock.now() > 0);
  const pod = await world.store.create(PODS, counting('urgent'));
  const nominate = (nominatedNodeName: string) =>
    world.store.patch(
      PODS,
      { namespace: 'default', name: 'urgent' },
      { status: { nominatedNodeName } },
      { subresource: 'status' },
    );
  const states = async () => (await world.life().runtime.list()).map((seen) => seen.containers[0]?.state);
  await nominate('n1');
  await world.until(async () => (await states()).includes('created'));
  await nominate('elsewhere');
  await world.until(async () => (await states()).length === 0);
  await nominate('n1');
  await world.until(async () => (await states()).includes('created'));
  const bound = world.clock.now();
  await world.store.bind({ namespace: 'default', name: 'urgent', uid: pod.metadata.uid }, 'n1');
  await world.until(async () => (await world.phase('urgent')) === 'Running');
  // What is left is to look and to start (98 ms in the simulated machine), not to make anything (13 ms).
  assert.equal(world.clock.now() - bound, 98 + 2 * LIST_MILLISECONDS);
  await world.stop();
});

test('the node registers, keeps its Lease, and leaves alone what an operator set', async () => {
  const world = new NodeWorld();
  await world.pass(1);
  const node = await world.store.get(NODES, { name: 'n1' });
  assert.ok(isConditionTrue(node.status?.conditions, 'Ready'));
  assert.deepEqual(
    [node.status?.capacity?.cpu, node.status?.capacity?.memory, node.status?.capacity?.pods],
    ['1', '4Gi', '10'],
  );
  assert.equal(node.metadata.labels?.['kubernetes.io/hostname'], 'n1');
  const taints = [{ key: 'k', effect: 'NoSchedule' }];
  await world.store.patch(
    NODES,
    { name: 'n1' },
    { metadata: { labels: { zone: 'a' } }, spec: { taints, unschedulable: true } },
  );
  const renewed = async () =>
    (await world.store.get(LEASES, { namespace: 'kube-node-lease', name: 'n1' })).spec?.renewTime;
  const before = await renewed();
  world.life().death.kill();
  await world.pass(400);
  assert.notEqual(await renewed(), before);
  const after = await world.store.get(NODES, { name: 'n1' });
  assert.deepEqual(after.spec?.taints, taints);
  assert.equal(after.spec?.unschedulable, true);
  assert.equal(after.metadata.labels?.zone, 'a');
  await world.stop();
});
