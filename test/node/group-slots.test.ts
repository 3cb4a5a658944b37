import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  conditionOf,
  isConditionTrue,
  POD_CHECKPOINTS,
  POD_GROUP_CHECKPOINTS,
  PODS,
  type PodCheckpoint,
  type PodGroupCheckpoint,
} from '../../src/model/index.ts';
import type { SimulatedFaults } from '../../src/runtime/index.ts';
import { counting, NodeWorld, STEPS } from './node-world.ts';
import type { DeathPlan } from './process-death.ts';

/** An agent dumps two pods at once, and a member of a group is held behind its dump until all are: it must hold up nobody. */

type Groups = Readonly<Record<string, Readonly<Record<string, string>>>>;
const STEP_COUNT = 60;

async function started(
  groups: Groups,
  options: { faults?: SimulatedFaults; deaths?: readonly DeathPlan[] } = {},
): Promise<NodeWorld> {
  const the = new NodeWorld({ nodes: ['n1', 'n2'], cpu: '16', controller: true, ...options });
  for (const [app, places] of Object.entries(groups)) {
    for (const [name, nodeName] of Object.entries(places)) {
      const draft = counting(name, { nodeName, steps: STEP_COUNT });
      await the.store.create(PODS, { ...draft, metadata: { ...draft.metadata, labels: { app } } });
    }
  }
  await the.until(async () => {
    const { items } = await the.store.list(PODS);
    return items.every(({ status }) => status?.phase === 'Running');
  });
  await the.pass(0.5);
  for (const name of Object.keys(groups)) {
    await the.store.create(POD_GROUP_CHECKPOINTS, {
      metadata: { name, namespace: 'default' },
      spec: { selector: { matchLabels: { app: name } }, postCheckpointState: 'Running', timeoutSeconds: 20 },
    });
  }
  return the;
}

async function settled(the: NodeWorld, groups: Groups): Promise<PodGroupCheckpoint[]> {
  const isOver = ({ status }: PodCheckpoint | PodGroupCheckpoint): boolean =>
    isConditionTrue(status?.conditions, 'Ready') ||
    conditionOf(status?.conditions, 'Ready')?.reason === 'CheckpointFailed';
  // Within the members' own time: nobody waits for the group to be given up.
  await the.until(async () => {
    const all = [
      ...(await the.store.list(POD_GROUP_CHECKPOINTS)).items,
      ...(await the.store.list(POD_CHECKPOINTS)).items,
    ];
    const count = Object.values(groups).reduce((sum, members) => sum + Object.keys(members).length + 1, 0);
    return all.length === count && all.every(isOver);
  }, 60);
  return (await the.store.list(POD_GROUP_CHECKPOINTS)).items;
}

async function assertAllRunToTheEnd(the: NodeWorld, groups: Groups): Promise<void> {
  const names = Object.values(groups).flatMap((members) => Object.keys(members));
  await the.until(async () =>
    (await Promise.all(names.map((name) => the.phase(name)))).every((one) => one === 'Succeeded'),
  );
  for (const name of names) {
    assert.deepEqual(the.outputs.steps(`/shared/${name}`, the.clock.now()), STEPS(STEP_COUNT), name);
  }
}

const LAYOUTS: Readonly<Record<string, Groups>> = {
  'five members on one node': { ring: { a0: 'n1', a1: 'n1', a2: 'n1', a3: 'n1', a4: 'n1' } },
  'two groups of three, interleaved over two nodes': {
    ring: { a0: 'n1', a1: 'n1', a2: 'n2' },
    star: { b0: 'n2', b1: 'n2', b2: 'n1' },
  },
  'three groups of three on one node': {
    ring: { a0: 'n1', a1: 'n1', a2: 'n1' },
    star: { b0: 'n1', b1: 'n1', b2: 'n1' },
    tree: { c0: 'n1', c1: 'n1', c2: 'n1' },
  },
};

for (const [layout, groups] of Object.entries(LAYOUTS)) {
  test(`${layout}: members that wait for their group hold up no dump`, async () => {
    const the = await started(groups);
    const decisions = (await settled(the, groups)).map(({ status }) => status?.decision?.verdict);
    assert.deepEqual(
      decisions,
      Object.keys(groups).map(() => 'Committed'),
    );
    await assertAllRunToTheEnd(the, groups);
    await the.stop();
    assert.equal(the.clock.pending, 0);
  });

  test(`${layout}: two dumps that hang freeze nobody beyond the time of their group`, async () => {
    const faults: SimulatedFaults = {
      onDump: ({ name }) => (name === 'a0' || name === 'a1' ? { kind: 'hang' } : undefined),
    };
    const the = await started(groups, { faults });
    const verdicts = new Map(
      (await settled(the, groups)).map(({ metadata, status }) => [metadata.name, status?.decision]),
    );
    assert.equal(verdicts.get('ring')?.verdict, 'Aborted');
    await assertAllRunToTheEnd(the, groups);
    await the.stop();
  });
}

test('a member whose images are cut keeps nobody frozen, whenever its agent is killed', async () => {
  const groups = LAYOUTS['two groups of three, interleaved over two nodes'] ?? {};
  const faults: SimulatedFaults = { onDump: ({ name }) => (name === 'a0' ? { kind: 'half-written' } : undefined) };
  const undisturbed = await started(groups, { faults });
  await settled(undisturbed, groups);
  const { calls } = undisturbed;
  const first = calls.indexOf('runtime.checkpointPod');
  const last = calls.length;
  await undisturbed.stop();
  assert.ok(first > 0);
  for (let call = first; call <= last; call += 3) {
    try {
      const the = await started(groups, { faults, deaths: [{ call, when: 'during' }] });
      await settled(the, groups);
      await assertAllRunToTheEnd(the, groups);
      await the.stop();
    } catch (error) {
      throw new Error(`killed during call ${call} (${calls[call - 1]})`, { cause: error });
    }
  }
});
