import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepsUpTo, type TestNode } from './node.ts';
import { type ContainerSketch, drawPod } from './sketch.ts';

const STEPS = 60;
const COUNTING: ContainerSketch = { steps: STEPS, memoryMebibytes: 8, writes: true };
const PAIR: readonly ContainerSketch[] = [
  { ...COUNTING, name: 'left' },
  { ...COUNTING, name: 'right' },
];
const NAMES = ['left', 'right'];

/** What holds for `RestoreOptions.hold`: a pod that is back and does not run before others are. */
export function heldRestoreTests(node: () => TestNode, second: () => TestNode): void {
  const directoryOf = (name: string): string => `${node().bed.folder}/held-restore-${name}`;
  const written = (name: string): Promise<number[][]> =>
    Promise.all(NAMES.map((container) => node().written(name, container)));
  const assertWhole = async (workload: string, uid: string): Promise<void> => {
    for (const name of NAMES) await second().untilExited(uid, name);
    assert.deepEqual(await written(workload), [stepsUpTo(STEPS), stepsUpTo(STEPS)]);
  };
  /** The pod is dumped on one node and restored, held, on the other; then `answer` is given. Gives how often it was asked. */
  const restoreHeld = async (workload: string, answer: () => Promise<void>): Promise<number> => {
    const { bed } = node();
    await node().run({ uid: `${workload}-1`, workload, containers: PAIR });
    for (const name of NAMES) await node().untilStep(`${workload}-1`, 5, name);
    await node().dump(`${workload}-1`, directoryOf(workload));
    await node().remove(`${workload}-1`);
    const before = await written(workload);
    const pod = await drawPod(bed, { uid: `${workload}-2`, workload, containers: PAIR });
    let asked = 0;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const hold = async (): Promise<void> => {
      asked++;
      await released;
      await answer();
    };
    const outcome = second()
      .runtime.restorePod(pod, directoryOf(workload), { hold })
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    try {
      await node().until('it is held', async () => asked > 0);
      await bed.pass(10 * bed.stepMilliseconds);
      assert.deepEqual(await written(workload), before, 'no step is written while it is held');
      for (const name of NAMES) assert.equal((await second().container(`${workload}-2`, name)).state, 'created');
    } finally {
      release();
    }
    const failure = await bed.during(outcome);
    if (failure !== undefined) throw failure;
    return asked;
  };

  test('what is restored and held does nothing, and shows as not started; let go, it loses no step', async () => {
    assert.equal(await restoreHeld('back', async () => undefined), 1);
    await assertWhole('back', 'back-2');
  });

  test('what is restored and is not to run leaves nothing behind, and can be restored again', async () => {
    const refused = restoreHeld('unwanted', () => Promise.reject(new Error('not all are back')));
    await assert.rejects(refused, /not all are back/);
    assert.equal(await second().observe('unwanted-2'), undefined);
    await second().restore({ uid: 'unwanted-3', workload: 'unwanted', containers: PAIR }, directoryOf('unwanted'));
    await assertWhole('unwanted', 'unwanted-3');
  });
}
