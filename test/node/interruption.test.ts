import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isConditionTrue, POD_CHECKPOINTS, PODS, RESTORED_CONDITION } from '../../src/model/index.ts';
import { counting, NodeWorld, STEPS, stopping } from './node-world.ts';
import type { DeathPlan } from './process-death.ts';

/**
 * A victim is stopped by checkpoint, another pod runs in its room, the victim comes back and ends. The parts that are not
 * the node's are played by the test (the scheduler) or never die (the interruption controller).
 */
async function interrupt(world: NodeWorld): Promise<void> {
  const draft = counting('victim', { nodeName: 'n1' });
  // With a policy by which whoever takes it for crashed would start it anew.
  await world.store.create(PODS, { ...draft, spec: { ...draft.spec, restartPolicy: 'OnFailure' } });
  await world.until(async () => (await world.phase('victim')) === 'Running');
  await world.pass(0.5);
  const victim = await world.pod('victim');
  assert.ok(victim);
  await world.store.create(POD_CHECKPOINTS, stopping(victim));
  const urgent = await world.store.create(PODS, counting('urgent', { steps: 5 }));
  const status = { nominatedNodeName: 'n1' };
  await world.store.patch(PODS, { namespace: 'default', name: 'urgent' }, { status }, { subresource: 'status' });
  await world.until(() => world.isTrue('c1', 'Released'));
  await world.store.bind({ namespace: 'default', name: 'urgent', uid: urgent.metadata.uid }, 'n1');
  await world.until(async () => (await world.phase('urgent')) === 'Succeeded');
  await world.until(async () => (await world.reasonOf('c1', 'Restored')) === 'Suspended');
  const next = await world.pod('victim');
  assert.ok(next);
  await world.store.bind({ namespace: 'default', name: 'victim', uid: next.metadata.uid }, 'n1');
  await world.until(async () => (await world.phase('victim')) === 'Succeeded');
}

async function assertNothingLost(world: NodeWorld): Promise<void> {
  const now = world.clock.now();
  assert.deepEqual(world.outputs.steps('/shared/victim', now), STEPS(20));
  assert.deepEqual(world.outputs.steps('/shared/urgent', now), STEPS(5));
  const checkpoint = await world.checkpoint('c1');
  assert.equal(await world.reasonOf('c1', 'Ready'), 'CheckpointCompleted');
  assert.equal(checkpoint?.status?.dumpMilliseconds !== undefined, true);
  await world.until(() => world.isTrue('c1', 'Restored'));
  const victim = await world.pod('victim');
  assert.ok(isConditionTrue(victim?.status?.conditions, RESTORED_CONDITION));
  assert.equal(victim?.status?.containerStatuses?.[0]?.restartCount, 0);
  assert.deepEqual(world.failedPods, []);
  assert.deepEqual(world.nodes[0]?.journal.entries(), []);
  assert.equal(world.files.directories().length, 1);
}

test('a stopped pod makes room, comes back and ends with every step written once', async () => {
  const world = new NodeWorld({ controller: true });
  await interrupt(world);
  await assertNothingLost(world);
  await world.stop();
  assert.equal(world.clock.pending, 0);
});

/** How many calls to the outside the node's process makes when nobody kills it, and which. */
async function undisturbedCalls(): Promise<readonly string[]> {
  const world = new NodeWorld({ controller: true });
  await interrupt(world);
  const calls = [...world.calls];
  await world.stop();
  return calls;
}

for (const when of ['before', 'during', 'after'] as const) {
  test(`the same holds when agent and node are killed ${when} any one call they make`, async (context) => {
    const calls = await undisturbedCalls();
    for (let call = 1; call <= calls.length; call++) await interruptWithDeaths([{ call, when }]);
    context.diagnostic(`${calls.length} deaths`);
  });
}

test('the same holds when they are killed at any moment', async () => {
  for (let milliseconds = 0; milliseconds < 4500; milliseconds += 90) {
    const world = new NodeWorld({ controller: true });
    world.clock.setTimer(milliseconds, () => world.life().death.kill());
    await named(`killed after ${milliseconds} ms`, async () => {
      await interrupt(world);
      await assertNothingLost(world);
    });
    await world.stop();
  }
});

test('the same holds when they see every change late, and are killed', async () => {
  for (let milliseconds = 0; milliseconds < 6000; milliseconds += 150) {
    const world = new NodeWorld({ controller: true, watchLagMilliseconds: 40 });
    world.clock.setTimer(milliseconds, () => world.life().death.kill());
    await named(`killed after ${milliseconds} ms, watches 40 ms late`, async () => {
      await interrupt(world);
      await assertNothingLost(world);
    });
    await world.stop();
  }
});

test('the same holds when they are killed again and again', async () => {
  const death = fc.record({
    call: fc.integer({ min: 1, max: 60 }),
    when: fc.constantFrom<DeathPlan['when']>('before', 'during', 'after'),
  });
  await fc.assert(fc.asyncProperty(fc.array(death, { minLength: 2, maxLength: 5 }), interruptWithDeaths), {
    numRuns: 60,
    seed: 20_260_101,
  });
});

async function interruptWithDeaths(deaths: readonly DeathPlan[]): Promise<void> {
  const world = new NodeWorld({ controller: true, deaths });
  await named(`killed ${JSON.stringify(deaths)}`, async () => {
    await interrupt(world);
    await assertNothingLost(world);
    assert.ok((world.nodes[0]?.lives.length ?? 0) > 1);
  });
  await world.stop();
}

/** Says of a failure in which of many runs it came. */
async function named(run: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new Error(run, { cause: error });
  }
}
