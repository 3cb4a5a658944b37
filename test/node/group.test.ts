import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  conditionOf,
  type Draft,
  isConditionTrue,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type PodGroupCheckpoint,
} from '../../src/model/index.ts';
import type { SimulatedFaults } from '../../src/runtime/index.ts';
import { counting, NodeWorld, STEPS } from './node-world.ts';
import type { DeathPlan } from './process-death.ts';

const PLACES: Readonly<Record<string, string>> = { 'rank-0': 'n1', 'rank-1': 'n1', 'rank-2': 'n1', 'rank-3': 'n2' };
const RANKS = Object.keys(PLACES);

function world(options: { faults?: SimulatedFaults; deaths?: readonly DeathPlan[] } = {}): NodeWorld {
  return new NodeWorld({ nodes: ['n1', 'n2'], cpu: '8', controller: true, ...options });
}

function ring(spec: Partial<PodGroupCheckpoint['spec']>): Draft<PodGroupCheckpoint> {
  return {
    metadata: { name: 'ring', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'ring' } }, postCheckpointState: 'Running', ...spec },
  };
}

async function startRanks(the: NodeWorld): Promise<void> {
  for (const [name, nodeName] of Object.entries(PLACES)) {
    const draft = counting(name, { nodeName });
    await the.store.create(PODS, { ...draft, metadata: { ...draft.metadata, labels: { app: 'ring' } } });
  }
  await the.until(async () => (await phases(the)).every((phase) => phase === 'Running'));
  await the.pass(0.5);
}

async function phases(the: NodeWorld): Promise<(string | undefined)[]> {
  return Promise.all(RANKS.map((name) => the.phase(name)));
}

async function groupOf(the: NodeWorld): Promise<PodGroupCheckpoint> {
  return the.store.get(POD_GROUP_CHECKPOINTS, { namespace: 'default', name: 'ring' });
}

async function members(the: NodeWorld) {
  return (await the.store.list(POD_CHECKPOINTS)).items.filter(({ spec }) => spec.group === 'ring');
}

/** Binds what waits, as a scheduler would, until every rank has ended. */
async function untilOver(the: NodeWorld): Promise<void> {
  await the.until(async () => {
    for (const pod of (await the.store.list(PODS)).items) {
      const { name, namespace = '', uid } = pod.metadata;
      if (pod.spec.nodeName === undefined && pod.metadata.deletionTimestamp === undefined) {
        await the.store.bind({ namespace, name, uid }, PLACES[name] === 'n1' ? 'n2' : 'n1');
      }
    }
    return (await phases(the)).every((phase) => phase === 'Succeeded');
  });
}

async function untilSettled(the: NodeWorld): Promise<PodGroupCheckpoint> {
  await the.until(async () => {
    const ready = conditionOf((await groupOf(the)).status?.conditions, 'Ready');
    const settled = (await members(the)).every(({ status }) => {
      const one = conditionOf(status?.conditions, 'Ready');
      return one?.status === 'True' || one?.reason === 'CheckpointFailed' || status?.nodeName === undefined;
    });
    return settled && (ready?.status === 'True' || ready?.reason === 'CheckpointFailed');
  });
  return groupOf(the);
}

async function assertAllOrNone(the: NodeWorld): Promise<'all' | 'none'> {
  const ready = (await members(the)).map(({ status }) => isConditionTrue(status?.conditions, 'Ready'));
  const count = ready.filter(Boolean).length;
  assert.ok(count === 0 || count === RANKS.length, `${count} of ${RANKS.length} are checkpointed`);
  return count === 0 ? 'none' : 'all';
}

function assertEveryStepOnce(the: NodeWorld): void {
  for (const name of RANKS) assert.deepEqual(the.outputs.steps(`/shared/${name}`, the.clock.now()), STEPS(20), name);
}

for (const postCheckpointState of ['Running', 'Stopped'] as const) {
  test(`a group on two nodes is checkpointed whole (${postCheckpointState}), and no step is lost or doubled`, async () => {
    const the = world();
    await startRanks(the);
    await the.store.create(POD_GROUP_CHECKPOINTS, ring({ postCheckpointState }));
    const { status } = await untilSettled(the);
    assert.equal(status?.decision?.verdict, 'Committed');
    assert.deepEqual(status?.members?.map(({ name, nodeName }) => [name, nodeName]).sort(), Object.entries(PLACES));
    assert.equal(await assertAllOrNone(the), 'all');
    if (postCheckpointState === 'Stopped') {
      await the.until(async () => isConditionTrue((await groupOf(the)).status?.conditions, 'Released'));
    }
    await untilOver(the);
    assertEveryStepOnce(the);
    if (postCheckpointState === 'Stopped') {
      await the.until(async () => isConditionTrue((await groupOf(the)).status?.conditions, 'Restored'));
    }
    await the.stop();
    assert.equal(the.clock.pending, 0);
  });
}

test('all members stand still at one instant, and none runs again before that', async () => {
  const the = world({
    faults: { onDump: ({ name }) => (name === 'rank-3' ? { kind: 'slow', milliseconds: 3_000 } : undefined) },
  });
  await startRanks(the);
  await the.store.create(POD_GROUP_CHECKPOINTS, ring({ postCheckpointState: 'Stopped' }));
  await the.until(
    async () => (await members(the)).filter((one) => isConditionTrue(one.status?.conditions, 'Prepared')).length === 3,
  );
  const before = RANKS.slice(0, 3).map((name) => the.outputs.steps(`/shared/${name}`, the.clock.now()).length);
  await the.pass(0.5);
  const after = RANKS.slice(0, 3).map((name) => the.outputs.steps(`/shared/${name}`, the.clock.now()).length);
  assert.deepEqual(after, before);
  assert.equal((await groupOf(the)).status?.decision, undefined);
  assert.equal((await untilSettled(the)).status?.decision?.verdict, 'Committed');
  await the.stop();
});

const FAULTS: Readonly<Record<string, SimulatedFaults>> = {
  'whose dump fails': {
    onDump: ({ name }) => (name === 'rank-3' ? { kind: 'fail', reason: 'no CRIU today' } : undefined),
  },
  'whose images are cut': { onDump: ({ name }) => (name === 'rank-3' ? { kind: 'half-written' } : undefined) },
  'that has no image': { onDump: ({ name }) => (name === 'rank-0' ? { kind: 'no-image' } : undefined) },
  'that runs on behind its dump': { onDump: ({ name }) => (name === 'rank-1' ? { kind: 'run-on' } : undefined) },
  'whose dump hangs': { onDump: ({ name }) => (name === 'rank-2' ? { kind: 'hang' } : undefined) },
};

for (const [which, faults] of Object.entries(FAULTS)) {
  for (const postCheckpointState of ['Running', 'Stopped'] as const) {
    test(`one member ${which}: all run on, and nothing is lost (${postCheckpointState})`, async () => {
      const the = world({ faults });
      await startRanks(the);
      await the.store.create(POD_GROUP_CHECKPOINTS, ring({ postCheckpointState, timeoutSeconds: 5 }));
      const { status } = await untilSettled(the);
      const runsOn = postCheckpointState === 'Running' && which === 'that runs on behind its dump';
      assert.equal(status?.decision?.verdict, 'Aborted', status?.decision?.message);
      assert.ok(runsOn || status?.decision?.message !== undefined);
      assert.equal(await assertAllOrNone(the), 'none');
      await untilOver(the);
      assertEveryStepOnce(the);
      await the.stop();
    });
  }
}

test('a group with a pod that does not run is not checkpointed at all', async () => {
  const the = world();
  await startRanks(the);
  const waiting = counting('rank-4', {});
  await the.store.create(PODS, { ...waiting, metadata: { ...waiting.metadata, labels: { app: 'ring' } } });
  await the.store.create(POD_GROUP_CHECKPOINTS, ring({ postCheckpointState: 'Stopped' }));
  const { status } = await untilSettled(the);
  assert.equal(status?.decision?.message, 'pod rank-4 does not run (Pending)');
  assert.deepEqual(await members(the), []);
  await the.stop();
});

test('a decision is taken once: the server refuses another one', async () => {
  const the = world();
  await startRanks(the);
  await the.store.create(POD_GROUP_CHECKPOINTS, ring({}));
  await untilSettled(the);
  const status = { decision: { verdict: 'Aborted', time: '2026-01-01T00:00:00Z' } };
  const key = { namespace: 'default', name: 'ring' };
  await assert.rejects(
    the.store.patch(POD_GROUP_CHECKPOINTS, key, { status }, { subresource: 'status' }),
    /a decision is taken once/,
  );
  await the.stop();
});

test('a group that is deleted before it is decided is aborted first, and its checkpoints go', async () => {
  const the = world({
    faults: { onDump: ({ name }) => (name === 'rank-3' ? { kind: 'slow', milliseconds: 5_000 } : undefined) },
  });
  await startRanks(the);
  await the.store.create(POD_GROUP_CHECKPOINTS, ring({ postCheckpointState: 'Stopped' }));
  await the.until(async () => (await members(the)).length === 4);
  await the.pass(0.4);
  await the.store.delete(POD_GROUP_CHECKPOINTS, { namespace: 'default', name: 'ring' });
  await untilOver(the);
  assertEveryStepOnce(the);
  await the.until(async () => (await the.store.list(POD_GROUP_CHECKPOINTS)).items.length === 0);
  await the.until(async () => (await members(the)).length === 0);
  await the.stop();
});

/** One whole life of the group, the first node's process dying as planned. */
async function throughDeaths(
  postCheckpointState: 'Running' | 'Stopped',
  deaths: readonly DeathPlan[],
): Promise<NodeWorld> {
  const the = world({ deaths });
  await startRanks(the);
  await the.store.create(POD_GROUP_CHECKPOINTS, ring({ postCheckpointState, timeoutSeconds: 30 }));
  const { status } = await untilSettled(the);
  const outcome = await assertAllOrNone(the);
  assert.equal(outcome, status?.decision?.verdict === 'Committed' ? 'all' : 'none', status?.decision?.message);
  await untilOver(the);
  assertEveryStepOnce(the);
  return the;
}

for (const postCheckpointState of ['Running', 'Stopped'] as const) {
  for (const when of ['before', 'during', 'after'] as const) {
    test(`all or none also when the agent is killed ${when} any call it makes (${postCheckpointState})`, async () => {
      const undisturbed = await throughDeaths(postCheckpointState, []);
      const { calls } = undisturbed;
      await undisturbed.stop();
      const first = calls.indexOf('runtime.checkpointPod');
      assert.ok(first > 0);
      for (let call = Math.max(1, first - 20); call <= calls.length; call += 7) {
        try {
          const the = await throughDeaths(postCheckpointState, [{ call, when }]);
          await the.stop();
        } catch (error) {
          throw new Error(`killed ${when} call ${call} (${calls[call - 1]})`, { cause: error });
        }
      }
    });
  }
}
