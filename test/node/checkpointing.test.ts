import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf, POD_CHECKPOINTS, PODS } from '../../src/model/index.ts';
import type { DumpFault, SimulatedFaults } from '../../src/runtime/index.ts';
import { counting, NodeWorld, STEPS, stopping } from './node-world.ts';

const KEY = { namespace: 'default', name: 'c1' };

/** A world with a running pod that has done some steps. */
async function withRunningPod(options: { faults?: SimulatedFaults; steps?: number } = {}): Promise<NodeWorld> {
  const world = new NodeWorld(options.faults === undefined ? {} : { faults: options.faults });
  await world.store.create(PODS, counting('victim', { nodeName: 'n1', steps: options.steps ?? 20 }));
  await world.until(async () => (await world.phase('victim')) === 'Running');
  await world.pass(0.5);
  return world;
}

async function order(world: NodeWorld, spec: Parameters<typeof stopping>[2] = {}, name = 'c1'): Promise<void> {
  const pod = await world.pod('victim');
  assert.ok(pod);
  await world.store.create(POD_CHECKPOINTS, stopping(pod, name, spec));
}

function once(fault: DumpFault): SimulatedFaults {
  let given = false;
  return {
    onDump: () => {
      if (given) return undefined;
      given = true;
      return fault;
    },
  };
}

const runsOn: Record<string, { fault: DumpFault; says: RegExp; timeoutSeconds?: number }> = {
  'a dump that fails leaves the pod running and says why': {
    fault: { kind: 'fail', reason: "Can't dump io_uring" },
    says: /Can't dump io_uring/,
  },
  'a dump that hangs is given up in time': { fault: { kind: 'hang' }, says: /longer than 5000 ms/, timeoutSeconds: 5 },
  'a dump that reports success while the process runs on is not believed': {
    fault: { kind: 'run-on' },
    says: /reported a dump, but container main still runs/,
  },
};

for (const [sentence, { fault, says, timeoutSeconds }] of Object.entries(runsOn)) {
  test(sentence, async () => {
    const world = await withRunningPod({ faults: once(fault), steps: 100 });
    await order(world, timeoutSeconds === undefined ? {} : { timeoutSeconds });
    await world.until(async () => (await world.reasonOf('c1', 'Ready')) === 'CheckpointFailed');
    const checkpoint = await world.checkpoint('c1');
    assert.match(conditionOf(checkpoint?.status?.conditions, 'Ready')?.message ?? '', says);
    await world.until(async () => (await world.phase('victim')) === 'Succeeded');
    assert.deepEqual(world.files.directories(), []);
    assert.deepEqual(world.outputs.steps('/shared/victim', world.clock.now()), STEPS(100));
    assert.deepEqual(world.nodes[0]?.journal.entries(), []);
    assert.equal((await world.events('CheckpointFailed')).length, 2);
    assert.deepEqual((await world.checkpoint('c1'))?.metadata.finalizers ?? [], []);
    await world.stop();
  });
}

const lies: Record<string, DumpFault> = {
  'a dump without images is refused, and the pod is left to its restart policy': { kind: 'no-image' },
  'a dump cut in half is refused, and the pod is left to its restart policy': { kind: 'half-written' },
};

for (const [sentence, fault] of Object.entries(lies)) {
  test(sentence, async () => {
    const world = new NodeWorld({ faults: once(fault) });
    const draft = counting('victim', { nodeName: 'n1' });
    await world.store.create(PODS, { ...draft, spec: { ...draft.spec, restartPolicy: 'OnFailure' } });
    await world.until(async () => (await world.phase('victim')) === 'Running');
    await order(world);
    await world.until(async () => (await world.reasonOf('c1', 'Ready')) === 'CheckpointFailed');
    await world.until(async () => (await world.phase('victim')) === 'Succeeded');
    assert.deepEqual(world.files.directories(), []);
    assert.equal((await world.pod('victim'))?.status?.containerStatuses?.[0]?.restartCount, 1);
    await world.stop();
  });
}

test('a copy lets the pod run on, and is complete', async () => {
  const world = await withRunningPod();
  await order(world, { postCheckpointState: 'Running' });
  await world.until(() => world.isTrue('c1', 'Ready'));
  await world.until(async () => (await world.phase('victim')) === 'Succeeded');
  assert.deepEqual(world.outputs.steps('/shared/victim', world.clock.now()), STEPS(20));
  const { status } = (await world.checkpoint('c1')) ?? {};
  assert.equal(status?.nodeName, 'n1');
  assert.match(status?.manifestDigest ?? '', /^sha256:/);
  assert.equal(status?.checkpointedContainers?.[0]?.name, 'main');
  assert.ok((status?.checkpointedContainers?.[0]?.frozenMicroseconds ?? 0) > 0);
  assert.equal(await world.reasonOf('c1', 'Released'), undefined);
  await world.stop();
});

test('a stopped pod is frozen, is not restarted, and its room is released only when it is gone', async () => {
  const world = await withRunningPod();
  await order(world);
  await world.until(() => world.isTrue('c1', 'Ready'));
  await world.pass(60);
  assert.equal(await world.phase('victim'), 'Running');
  const status = (await world.pod('victim'))?.status?.containerStatuses?.[0];
  assert.equal(status?.state?.waiting?.reason, 'Checkpointed');
  assert.equal(status?.restartCount, 0);
  assert.equal(await world.isTrue('c1', 'Released'), false);
  const done = world.outputs.steps('/shared/victim', world.clock.now()).length;
  assert.ok(done < 20);
  await world.store.delete(PODS, { namespace: 'default', name: 'victim' }, { gracePeriodSeconds: 1 });
  await world.until(() => world.isTrue('c1', 'Released'));
  assert.equal(await world.pod('victim'), undefined);
  assert.deepEqual(await world.life().runtime.list(), []);
  await world.stop();
});

test('a pod that is deleted by force is released only when the node has removed its processes', async () => {
  const world = await withRunningPod({ steps: 10_000 });
  await order(world);
  await world.until(() => world.isTrue('c1', 'Ready'));
  await world.store.delete(PODS, { namespace: 'default', name: 'victim' }, { gracePeriodSeconds: 0 });
  await world.until(() => world.isTrue('c1', 'Released'));
  assert.deepEqual(await world.life().runtime.list(), []);
  await world.stop();
});

test('a dump that begins while the node looks is not taken for a crash', async () => {
  // The node looks at everything every 30 s, for 4 ms.
  for (let early = 0; early <= 16; early++) {
    const world = new NodeWorld();
    const draft = counting('victim', { nodeName: 'n1', steps: 0 });
    await world.store.create(PODS, { ...draft, spec: { ...draft.spec, restartPolicy: 'OnFailure' } });
    await world.pass(29.99 + early / 1000);
    await order(world);
    await world.until(() => world.isTrue('c1', 'Ready'));
    assert.deepEqual(world.failedPods, [], `ordered at 29.99 s + ${early} ms`);
    assert.equal((await world.pod('victim'))?.status?.containerStatuses?.[0]?.restartCount, 0);
    await world.stop();
  }
});

test('the template carries the place in the queue and the time run, and nothing of the node', async () => {
  const world = await withRunningPod();
  await world.pass(1);
  await order(world);
  await world.until(() => world.isTrue('c1', 'Ready'));
  const template = (await world.checkpoint('c1'))?.status?.checkpointedPodTemplate;
  const metadata = template?.metadata as { annotations: Record<string, string> };
  const created = (await world.pod('victim'))?.metadata.creationTimestamp;
  assert.equal(metadata.annotations['fermata.dev/first-enqueued'], created);
  assert.equal(metadata.annotations['fermata.dev/ran-seconds'], '2');
  assert.equal(Object.keys(template?.spec ?? {}).includes('nodeName'), false);
  await world.stop();
});

const refused: Record<string, { prepare: (world: NodeWorld) => Promise<void>; reason: string; says: RegExp }> = {
  'a pod that has ended': {
    prepare: async (world) => {
      await world.until(async () => (await world.phase('victim')) === 'Succeeded');
      await order(world);
    },
    reason: 'CheckpointFailed',
    says: /has ended \(Succeeded\)/,
  },
  'a pod that is stopped already': {
    prepare: async (world) => {
      await order(world, {}, 'c0');
      await world.until(() => world.isTrue('c0', 'Ready'));
      await order(world);
    },
    reason: 'CheckpointFailed',
    says: /stopped by an earlier checkpoint/,
  },
  'another pod of the same name': {
    prepare: async (world) => {
      const pod = await world.pod('victim');
      assert.ok(pod);
      await world.store.create(POD_CHECKPOINTS, stopping({ ...pod, metadata: { ...pod.metadata, uid: 'other' } }));
    },
    reason: 'SourcePodReplaced',
    says: /is another one now/,
  },
  'a pod that does not exist': {
    prepare: async (world) => {
      const spec = { sourcePod: { name: 'nobody' }, postCheckpointState: 'Stopped' } as const;
      await world.store.create(POD_CHECKPOINTS, { metadata: KEY, spec });
    },
    reason: 'SourcePodReplaced',
    says: /pod nobody is gone/,
  },
  'a disk without room for the dump': {
    prepare: async (world) => {
      world.storage.limitBytes = 1_000_000;
      await order(world);
    },
    reason: 'CheckpointFailed',
    says: /not enough disk: the dump needs about \d+ bytes/,
  },
};

for (const [sentence, { prepare, reason, says }] of Object.entries(refused)) {
  test(`refused: ${sentence}`, async () => {
    const world = await withRunningPod();
    await prepare(world);
    await world.until(async () => (await world.reasonOf('c1', 'Ready')) === reason);
    assert.match(conditionOf((await world.checkpoint('c1'))?.status?.conditions, 'Ready')?.message ?? '', says);
    await world.stop();
  });
}

test('a pod that is deleted in the middle of its dump is removed, and the checkpoint fails', async () => {
  const world = await withRunningPod({ faults: { onDump: () => ({ kind: 'hang' }) } });
  await order(world);
  await world.until(async () => (await world.reasonOf('c1', 'Ready')) === 'CheckpointInProgress');
  await world.store.delete(PODS, { namespace: 'default', name: 'victim' });
  await world.until(async () => (await world.pod('victim')) === undefined);
  assert.equal(await world.reasonOf('c1', 'Ready'), 'CheckpointFailed');
  assert.deepEqual(world.files.directories(), []);
  await world.stop();
});

test('a PodCheckpoint that is deleted in the middle of its dump lets the pod run on and leaves nothing', async () => {
  const world = await withRunningPod({ faults: once({ kind: 'hang' }) });
  await order(world);
  await world.until(async () => (await world.reasonOf('c1', 'Ready')) === 'CheckpointInProgress');
  await world.store.delete(POD_CHECKPOINTS, KEY);
  await world.until(async () => (await world.checkpoint('c1')) === undefined);
  await world.until(async () => (await world.phase('victim')) === 'Succeeded');
  assert.deepEqual(world.outputs.steps('/shared/victim', world.clock.now()), STEPS(20));
  assert.deepEqual(world.files.directories(), []);
  await world.stop();
});

test('a PodCheckpoint whose workload is suspended is not let go before that is restored or given up', async () => {
  const world = await withRunningPod();
  await order(world);
  await world.until(() => world.isTrue('c1', 'Ready'));
  await world.store.delete(POD_CHECKPOINTS, KEY);
  await world.store.delete(PODS, { namespace: 'default', name: 'victim' }, { gracePeriodSeconds: 1 });
  await world.until(() => world.isTrue('c1', 'Released'));
  await world.pass(120);
  assert.equal(world.files.directories().length, 1);
  assert.ok((await world.events('DeletionHeld')).length > 0);
  const conditions = (await world.checkpoint('c1'))?.status?.conditions ?? [];
  const abandoned = { type: 'Restored', status: 'False', reason: 'Abandoned' } as const;
  await world.store.patch(
    POD_CHECKPOINTS,
    KEY,
    { status: { conditions: [...conditions, abandoned] } },
    { subresource: 'status' },
  );
  await world.until(async () => (await world.checkpoint('c1')) === undefined);
  assert.deepEqual(world.files.directories(), []);
  await world.stop();
});

test('two checkpoints of one pod are made one after the other', async () => {
  const world = await withRunningPod();
  await order(world, { postCheckpointState: 'Running' }, 'c1');
  await order(world, { postCheckpointState: 'Running' }, 'c2');
  await world.until(async () => (await world.isTrue('c1', 'Ready')) && (await world.isTrue('c2', 'Ready')));
  await world.until(async () => (await world.phase('victim')) === 'Succeeded');
  assert.deepEqual(world.outputs.steps('/shared/victim', world.clock.now()), STEPS(20));
  await world.stop();
});

test('a running copy may be deleted at any time', async () => {
  const world = await withRunningPod();
  await order(world, { postCheckpointState: 'Running' });
  await world.until(() => world.isTrue('c1', 'Ready'));
  await world.store.delete(POD_CHECKPOINTS, KEY);
  await world.until(async () => (await world.checkpoint('c1')) === undefined);
  assert.deepEqual(world.files.directories(), []);
  await world.stop();
});
