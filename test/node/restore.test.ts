import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  conditionOf,
  INCARNATION_ANNOTATION,
  INTERRUPTION_POLICIES,
  isConditionTrue,
  POD_CHECKPOINTS,
  PODS,
  RESTORE_FROM_ANNOTATION,
  RESTORED_CONDITION,
} from '../../src/model/index.ts';
import type { RestoreFault, SimulatedFaults } from '../../src/runtime/index.ts';
import { counting, NodeWorld, STEPS, stopping } from './node-world.ts';
import type { DeathPlan } from './process-death.ts';

const CHECKPOINT = { namespace: 'default', name: 'c1' };
type PodOptions = NonNullable<Parameters<typeof counting>[1]>;

/** Two nodes; the pod `p` has done some steps on n2 and is suspended: its checkpoint is there, its pod is gone. */
async function withSuspended(
  options: { faults?: SimulatedFaults; deaths?: readonly DeathPlan[]; steps?: number; policies?: boolean } = {},
): Promise<NodeWorld> {
  const { faults, deaths, steps = 20, policies = false } = options;
  const world = new NodeWorld({
    nodes: ['n1', 'n2'],
    policies,
    ...(faults === undefined ? {} : { faults }),
    ...(deaths === undefined ? {} : { deaths }),
  });
  const pod = await world.store.create(PODS, counting('p', { nodeName: 'n2', steps }));
  await world.until(async () => (await world.phase('p')) === 'Running');
  await world.pass(0.5);
  await world.store.create(POD_CHECKPOINTS, stopping(pod));
  await world.until(() => world.isTrue('c1', 'Ready'));
  await world.store.delete(PODS, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 1 });
  await world.until(() => world.isTrue('c1', 'Released'));
  return world;
}

async function resume(world: NodeWorld, options: PodOptions = {}): Promise<void> {
  const annotations = { [RESTORE_FROM_ANNOTATION]: 'c1' };
  await world.store.create(PODS, counting('p', { nodeName: 'n1', ...options, annotations }));
}

async function restoreFailure(world: NodeWorld): Promise<string | undefined> {
  const condition = conditionOf((await world.pod('p'))?.status?.conditions, RESTORED_CONDITION);
  return condition?.status === 'False' && condition.reason === 'RestoreFailed' ? condition.message : undefined;
}

function once(fault: RestoreFault): SimulatedFaults {
  let given = false;
  return {
    onRestore: () => {
      if (given) return undefined;
      given = true;
      return fault;
    },
  };
}

async function assertWhole(world: NodeWorld): Promise<void> {
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  assert.deepEqual(world.outputs.steps('/shared/p', world.clock.now()), STEPS(20));
  await world.until(() => world.isTrue('c1', 'Restored'));
}

test('a pod goes on from the next step on another node, which copies the data', async () => {
  const world = await withSuspended();
  await resume(world);
  await world.until(() => world.isTrue('c1', 'Restored'));
  const checkpoint = await world.checkpoint('c1');
  assert.ok((checkpoint?.status?.restoreMilliseconds ?? 0) > 300);
  assert.equal(checkpoint?.status?.restoration?.podName, 'p');
  assert.equal(world.life('n1').agent.counters.fetches, 1);
  await world.until(async () => (await world.phase('p')) === 'Running');
  assert.ok(isConditionTrue((await world.pod('p'))?.status?.conditions, RESTORED_CONDITION));
  await assertWhole(world);
  await world.store.delete(POD_CHECKPOINTS, CHECKPOINT);
  await world.until(async () => (await world.checkpoint('c1')) === undefined);
  // Made on n2, copied to n1: both go.
  await world.until(() => world.files.directories().length === 0);
  await world.stop();
});

for (const when of ['before', 'during', 'after'] as const) {
  test(`a restore on another node is done once, killed ${when} any call`, async (context) => {
    const undisturbed = await withSuspended();
    const begin = undisturbed.calls.length;
    await resume(undisturbed);
    await assertWhole(undisturbed);
    const end = undisturbed.calls.length;
    await undisturbed.stop();
    for (let call = begin + 1; call <= end; call++) {
      const world = await withSuspended({ deaths: [{ call, when }] });
      try {
        await resume(world);
        await assertWhole(world);
        assert.equal(world.nodes[0]?.lives.length, 2);
      } catch (error) {
        throw new Error(`killed ${when} call ${call} (${world.calls.at(-1)})`, { cause: error });
      }
      await world.stop();
    }
    context.diagnostic(`${end - begin} deaths`);
  });
}

test('a restore that fails leaves nothing, and the pod says why and waits for the controller', async () => {
  const world = await withSuspended({ faults: once({ kind: 'fail', reason: 'Mapping 7f00 is taken' }) });
  await resume(world);
  await world.until(async () => (await restoreFailure(world)) !== undefined);
  assert.match((await restoreFailure(world)) ?? '', /Mapping 7f00 is taken/);
  assert.equal(await world.phase('p'), 'Pending');
  assert.deepEqual(await world.life('n1').runtime.list(), []);
  await world.pass(600);
  assert.deepEqual(await world.life('n1').runtime.list(), []);
  await world.store.delete(PODS, { namespace: 'default', name: 'p' });
  await world.until(async () => (await world.pod('p')) === undefined);
  await resume(world);
  await assertWhole(world);
  await world.stop();
});

const damages: Record<string, { damage: (world: NodeWorld, path: string) => Promise<void>; says: RegExp }> = {
  'an altered checkpoint is refused': {
    damage: async (world, path) => {
      const bytes = await world.files.read(path, 'main/pages-1.img', 1_000_000);
      const altered = Uint8Array.from(bytes);
      altered[7] = (altered[7] ?? 0) ^ 1;
      await world.files.write(path, 'main/pages-1.img', altered);
    },
    says: /main\/pages-1\.img: it was altered/,
  },
  'a truncated checkpoint is refused': {
    damage: async (world, path) => {
      const bytes = await world.files.read(path, 'main/pages-1.img', 1_000_000);
      await world.files.write(path, 'main/pages-1.img', bytes.subarray(0, 100));
    },
    says: /main\/pages-1\.img was cut: it has 100 of 4096 bytes/,
  },
  'a checkpoint that is gone is refused': {
    damage: (world, path) => world.files.remove(path),
    says: /node n2 does not have its data/,
  },
  'a path that leads out of the directory is refused': {
    damage: async (world) => {
      const checkpointLocation = { type: 'NodeLocal', nodeLocal: { path: '../../../etc' } };
      await world.store.patch(
        POD_CHECKPOINTS,
        CHECKPOINT,
        { status: { checkpointLocation } },
        { subresource: 'status' },
      );
    },
    says: /is not that of a checkpoint of its namespace/,
  },
  "the data of another namespace's checkpoint is refused": {
    damage: async (world, path) => {
      const foreign = path.replace(/^.*\/default_/, 'other_');
      const checkpointLocation = { type: 'NodeLocal', nodeLocal: { path: foreign } };
      const change = { status: { checkpointLocation } };
      await world.store.patch(POD_CHECKPOINTS, CHECKPOINT, change, { subresource: 'status' });
    },
    says: /"other_.*" is not that of a checkpoint of its namespace/,
  },
};

for (const [sentence, { damage, says }] of Object.entries(damages)) {
  test(`${sentence}, and the workload stays suspended`, async () => {
    const world = await withSuspended();
    const [path] = world.files.directories();
    assert.ok(path);
    await damage(world, path);
    await resume(world);
    await world.until(async () => (await restoreFailure(world)) !== undefined);
    assert.match((await restoreFailure(world)) ?? '', says);
    assert.deepEqual(await world.life('n1').runtime.list(), []);
    assert.ok(await world.isTrue('c1', 'Ready'));
    assert.equal(await world.isTrue('c1', 'Restored'), false);
    await world.stop();
  });
}

test('an incarnation that is created once more, after the workload went on and ended, does no work', async () => {
  const world = await withSuspended();
  const late = { annotations: { [RESTORE_FROM_ANNOTATION]: 'c1', [INCARNATION_ANNOTATION]: '2' } };
  const create = () => world.store.create(PODS, counting('p', { nodeName: 'n1', ...late }));
  await create();
  await assertWhole(world);
  const done = world.outputs.steps('/shared/p', world.clock.now()).length;
  await world.store.delete(PODS, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 0 });
  await world.pass(1);
  await create();
  await world.until(async () => (await restoreFailure(world)) !== undefined);
  assert.match((await restoreFailure(world)) ?? '', /went on from checkpoint default\/c1 already, as pod p/);
  await world.pass(10);
  assert.equal(world.outputs.steps('/shared/p', world.clock.now()).length, done);
  await world.stop();
});

test('a restored container that crashes goes on from its checkpoint, not from its image', async () => {
  const world = await withSuspended({ faults: once({ kind: 'die', milliseconds: 450 }) });
  const annotations = { [RESTORE_FROM_ANNOTATION]: 'c1' };
  const draft = counting('p', { nodeName: 'n1', annotations });
  await world.store.create(PODS, { ...draft, spec: { ...draft.spec, restartPolicy: 'OnFailure' } });
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  const steps = world.outputs.steps('/shared/p', world.clock.now());
  assert.deepEqual(
    [...new Set(steps)].sort((one, other) => one - other),
    STEPS(20),
  );
  // It did the steps after the checkpoint again, and none before it.
  assert.equal(steps.filter((step) => step === 1).length, 1);
  assert.equal((await world.pod('p'))?.status?.containerStatuses?.[0]?.restartCount, 1);
  assert.equal((await world.events('Restoring')).length, 2);
  await world.stop();
});

test('a restored container that crashes goes on from the newest checkpoint of its pod', async () => {
  const world = await withSuspended({ faults: once({ kind: 'die', milliseconds: 900 }) });
  const annotations = { [RESTORE_FROM_ANNOTATION]: 'c1' };
  const draft = counting('p', { nodeName: 'n1', annotations });
  const pod = await world.store.create(PODS, { ...draft, spec: { ...draft.spec, restartPolicy: 'OnFailure' } });
  await world.until(async () => (await world.phase('p')) === 'Running');
  await world.pass(0.4);
  const before = world.outputs.steps('/shared/p', world.clock.now());
  const metadata = { namespace: 'default', name: 'c2' };
  const spec = { sourcePod: { name: 'p', uid: pod.metadata.uid }, postCheckpointState: 'Running' as const };
  await world.store.create(POD_CHECKPOINTS, { metadata, spec });
  await world.until(() => world.isTrue('c2', 'Ready'));
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  const steps = world.outputs.steps('/shared/p', world.clock.now());
  assert.deepEqual(
    [...new Set(steps)].sort((one, other) => one - other),
    STEPS(20),
  );
  for (const step of before) assert.equal(steps.filter((one) => one === step).length, 1);
  assert.equal((await world.pod('p'))?.status?.containerStatuses?.[0]?.restartCount, 1);
  await world.stop();
});

test('a newer checkpoint that is damaged is no reason not to go on from the first, and is said', async () => {
  const world = await withSuspended({ faults: once({ kind: 'die', milliseconds: 900 }) });
  const annotations = { [RESTORE_FROM_ANNOTATION]: 'c1' };
  const draft = counting('p', { nodeName: 'n1', annotations });
  const pod = await world.store.create(PODS, { ...draft, spec: { ...draft.spec, restartPolicy: 'OnFailure' } });
  await world.until(async () => (await world.phase('p')) === 'Running');
  const metadata = { namespace: 'default', name: 'c2' };
  const spec = { sourcePod: { name: 'p', uid: pod.metadata.uid }, postCheckpointState: 'Running' as const };
  await world.store.create(POD_CHECKPOINTS, { metadata, spec });
  await world.until(() => world.isTrue('c2', 'Ready'));
  for (const directory of world.files.directories()) {
    if (directory.includes('_c2_')) await world.files.remove(directory);
  }
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  const steps = new Set(world.outputs.steps('/shared/p', world.clock.now()));
  assert.deepEqual(
    [...steps].sort((one, other) => one - other),
    STEPS(20),
  );
  assert.match((await world.events('RestoreFailed'))[0]?.message ?? '', /^Newer checkpoint c2 cannot be had: /);
  await world.stop();
});

test('where its policy says so, a restored container that crashes starts from its image, and that is said', async () => {
  const world = await withSuspended({ faults: once({ kind: 'die', milliseconds: 450 }), policies: true });
  const metadata = { namespace: 'default', name: 'service' };
  await world.store.create(INTERRUPTION_POLICIES, { metadata, spec: { restartFrom: 'Image' } });
  const annotations = { [RESTORE_FROM_ANNOTATION]: 'c1' };
  const draft = counting('p', { nodeName: 'n1', annotations });
  await world.store.create(PODS, { ...draft, spec: { ...draft.spec, restartPolicy: 'OnFailure' } });
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  const steps = world.outputs.steps('/shared/p', world.clock.now());
  assert.equal(steps.filter((step) => step === 1).length, 2, 'it began anew');
  assert.deepEqual(steps.slice(-20), STEPS(20));
  assert.equal((await world.events('Restoring')).length, 1);
  const [said, ...more] = await world.events('StartsFromImage');
  assert.match(said?.message ?? '', /^container main starts again from its image, as policy service says/);
  assert.deepEqual(more, []);
  await world.stop();
});

test('a restored pod that loses its machine goes on from its checkpoint', async () => {
  const world = await withSuspended();
  await resume(world);
  await world.until(async () => (await world.phase('p')) === 'Running');
  await world.pass(0.3);
  world.life('n1').death.kill();
  for (const { uid } of await world.life('n1').runtime.list()) world.nodes[0]?.machine.remove(uid);
  await world.until(async () => (await world.phase('p')) === 'Succeeded');
  const steps = world.outputs.steps('/shared/p', world.clock.now());
  assert.deepEqual(
    [...new Set(steps)].sort((one, other) => one - other),
    STEPS(20),
  );
  assert.equal(steps.filter((step) => step === 1).length, 1);
  await world.stop();
});

test('a suspended workload that does not fit fails its restore, not itself', async () => {
  const world = await withSuspended();
  await world.store.create(PODS, counting('other', { nodeName: 'n1', steps: 0 }));
  await world.until(async () => (await world.phase('other')) === 'Running');
  await resume(world);
  await world.until(async () => (await restoreFailure(world)) !== undefined);
  assert.match((await restoreFailure(world)) ?? '', /OutOfcpu/);
  assert.equal(await world.phase('p'), 'Pending');
  await world.stop();
});

test('a restore that hangs is told of, then given up, and nothing of it is left', async () => {
  const world = await withSuspended({ faults: once({ kind: 'hang' }) });
  await resume(world);
  await world.pass(65);
  assert.match((await world.events('RestoreSlow'))[0]?.message ?? '', /has taken 60 s and goes on/);
  await world.pass(3_540);
  assert.match((await restoreFailure(world)) ?? '', /took longer than 3600 s/);
  assert.deepEqual(await world.life('n1').runtime.list(), []);
  await world.stop();
});
