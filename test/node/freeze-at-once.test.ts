import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FREEZE_AT_ONCE_ANNOTATION, POD_CHECKPOINTS, PODS, type Pod } from '../../src/model/index.ts';
import type { SimulatedFaults } from '../../src/runtime/index.ts';
import { counting, NodeWorld, STEPS, stopping } from './node-world.ts';
import type { DeathPlan } from './process-death.ts';

/** An agent dumps two pods at once. Who has to give way at once stands still though its dump has to wait behind theirs. */

const STEP_COUNT = 100;
const DUMP_SECONDS = 5;

const SLOW: SimulatedFaults = {
  onDump: ({ name }) => (name === 'waits' ? undefined : { kind: 'slow', milliseconds: DUMP_SECONDS * 1000 }),
};

/** Two dumps are under way, and the third, of the pod `waits`, was ordered. */
async function crowded({ isAtOnce = true, deaths }: { isAtOnce?: boolean; deaths?: readonly DeathPlan[] } = {}) {
  const the = new NodeWorld({ cpu: '16', faults: SLOW, ...(deaths === undefined ? {} : { deaths }) });
  const pods: Pod[] = [];
  for (const name of ['one', 'other', 'waits']) {
    pods.push(await the.store.create(PODS, counting(name, { nodeName: 'n1', steps: STEP_COUNT })));
  }
  await the.until(async () => (await the.store.list(PODS)).items.every(({ status }) => status?.phase === 'Running'));
  await the.pass(1);
  for (const pod of pods) {
    const draft = stopping(pod, `c-${pod.metadata.name}`);
    const isLast = pod.metadata.name === 'waits';
    const annotations = { [FREEZE_AT_ONCE_ANNOTATION]: 'true' };
    const metadata = isLast && isAtOnce ? { ...draft.metadata, annotations } : draft.metadata;
    await the.store.create(POD_CHECKPOINTS, { ...draft, metadata });
    await the.pass(0.2);
  }
  return the;
}

const written = (the: NodeWorld): number[] => the.life().runtime.outputOf('/shared/waits');
const ready = (the: NodeWorld) => () => the.isTrue('c-waits', 'Ready');

test('it stands still until its turn, and is dumped then', async () => {
  const the = await crowded();
  const before = written(the);
  await the.pass(2);
  assert.deepEqual(written(the), before, 'no step while it waits');
  assert.equal(await the.isTrue('c-waits', 'Ready'), false);
  await the.until(ready(the), 60);
  assert.deepEqual(written(the), before, 'nor any between its turn and its dump, in this runtime');
  await the.stop();
});

test('nobody else stands still', async () => {
  const the = await crowded({ isAtOnce: false });
  const before = written(the).length;
  await the.pass(2);
  assert.ok(written(the).length > before + 10);
  await the.until(ready(the), 60);
  await the.stop();
});

test('when its checkpoint is called off, it goes on', async () => {
  const the = await crowded();
  await the.pass(1);
  await the.store.delete(POD_CHECKPOINTS, { namespace: 'default', name: 'c-waits' });
  await the.until(async () => (await the.phase('waits')) === 'Succeeded', 60);
  assert.deepEqual(written(the), STEPS(STEP_COUNT));
  await the.stop();
});

test('when the agent is killed meanwhile, its next life brings the dump to its end all the same', async () => {
  const the = await crowded();
  await the.pass(1);
  the.life().death.kill();
  await the.until(ready(the), 120);
  const before = written(the);
  assert.deepEqual(before, STEPS(before.length), 'no step is lost or doubled');
  await the.pass(5);
  assert.deepEqual(written(the), before);
  await the.stop();
});
