import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepsUpTo, type TestNode } from './node.ts';
import type { ContainerSketch } from './sketch.ts';

const STEPS = 60;
const COUNTING: ContainerSketch = { steps: STEPS, memoryMebibytes: 8, writes: true };

/** What holds for `PodFreezer`. */
export function freezingTests(node: () => TestNode): void {
  const directoryOf = (name: string): string => `${node().bed.folder}/frozen-${name}`;
  const written = (uid: string): Promise<number[]> => node().written(uid);
  const freeze = (uid: string): Promise<void> => node().bed.during(node().runtime.freezePod(uid));
  const thaw = (uid: string): Promise<void> => node().bed.during(node().runtime.thawPod(uid));
  const startAndFreeze = async (uid: string): Promise<number[]> => {
    await node().run({ uid, containers: [COUNTING] });
    await node().untilStep(uid, 5);
    await freeze(uid);
    const { bed } = node();
    await bed.pass(bed.stepMilliseconds);
    const before = await written(uid);
    await bed.pass(10 * bed.stepMilliseconds);
    assert.deepEqual(await written(uid), before, 'no step is written');
    return before;
  };

  test('a frozen pod stands still, though to who looks it runs, and thawed it goes on from the very next step', async () => {
    await startAndFreeze('paused');
    await freeze('paused');
    assert.equal((await node().container('paused')).state, 'running');
    await thaw('paused');
    await thaw('paused');
    await node().untilExited('paused');
    assert.deepEqual(await written('paused'), stepsUpTo(STEPS));
  });

  test('a pod that is not there is neither frozen nor thawed', async () => {
    await freeze('nobody');
    await thaw('nobody');
  });

  for (const leaveRunning of [true, false]) {
    test(`a frozen pod is dumped, and ${leaveRunning ? 'runs on' : 'is stopped'}, like any other`, async () => {
      const uid = `dumped-frozen-${leaveRunning}`;
      await startAndFreeze(uid);
      await node().dump(uid, directoryOf(uid), { leaveRunning });
      if (!leaveRunning) {
        assert.equal((await node().container(uid)).state, 'frozen');
        await thaw(uid);
        const still = await written(uid);
        await node().bed.pass(5 * node().bed.stepMilliseconds);
        assert.deepEqual(await written(uid), still, 'behind its dump nothing runs');
        return;
      }
      await node().untilExited(uid);
      assert.deepEqual(await written(uid), stepsUpTo(STEPS));
    });
  }

  test('a frozen pod whose dump fails runs on', async () => {
    await node().run({ uid: 'failing', containers: [COUNTING] });
    await node().untilStep('failing', 3);
    const directory = directoryOf('failing');
    await node().dump('failing', directory, { leaveRunning: true });
    await freeze('failing');
    await assert.rejects(node().dump('failing', directory), { code: 'DumpFailed' });
    await node().untilExited('failing');
    assert.deepEqual(await written('failing'), stepsUpTo(STEPS));
  });

  test('a pod left frozen by a crash ahead of its dump is let go when that is recovered', async () => {
    await startAndFreeze('forgotten');
    const options = { directory: directoryOf('forgotten'), leaveRunning: false, timeoutMilliseconds: 60_000 };
    assert.equal(await node().bed.during(node().runtime.recoverDump('forgotten', options)), 'running');
    await node().untilExited('forgotten');
    assert.deepEqual(await written('forgotten'), stepsUpTo(STEPS));
  });

  test('a frozen pod is removed like any other', async () => {
    await startAndFreeze('removed-frozen');
    await node().remove('removed-frozen', 1);
    assert.equal(await node().observe('removed-frozen'), undefined);
  });
}
