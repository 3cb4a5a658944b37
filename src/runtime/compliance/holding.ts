import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyDump } from '../../checkpoint/index.ts';
import type { HeldDump } from '../runtime.ts';
import { stepsUpTo, type TestNode } from './node.ts';
import type { ContainerSketch } from './sketch.ts';

const STEPS = 60;
const COUNTING: ContainerSketch = { steps: STEPS, memoryMebibytes: 8, writes: true };
const PAIR: readonly ContainerSketch[] = [
  { ...COUNTING, name: 'left' },
  { ...COUNTING, name: 'right' },
];

/** What holds for `CheckpointOptions.decide`: a dump as the first phase of a commit in two. */
export function holdingTests(node: () => TestNode): void {
  const directoryOf = (name: string): string => `${node().bed.folder}/held-${name}`;
  const written = async (name: string): Promise<number[][]> =>
    Promise.all(PAIR.map((container) => node().written(name, container.name)));
  /** The pod runs, is dumped, and while the dump is held `look` is taken at it; then `answer` is given. */
  const holdPod = async (
    uid: string,
    options: { leaveRunning: boolean; answer: () => Promise<boolean>; look?: () => Promise<void> },
  ): Promise<HeldDump[]> => {
    await node().run({ uid, containers: PAIR });
    await node().untilStep(uid, 5, 'left');
    await node().untilStep(uid, 5, 'right');
    const { bed, runtime } = node();
    const asked: HeldDump[] = [];
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const dump = runtime.checkpointPod(uid, {
      directory: directoryOf(uid),
      leaveRunning: options.leaveRunning,
      // Shorter than it is held: the time that counts is CRIU's.
      timeoutMilliseconds: 60_000,
      decide: async (held) => {
        asked.push(held);
        await released;
        return options.answer();
      },
    });
    const outcome = dump.then(
      () => undefined,
      (error: unknown) => error,
    );
    for (let waited = 0; asked.length === 0 && waited < 2_000; waited++) await bed.pass(bed.stepMilliseconds);
    const before = await written(uid);
    await bed.pass(10 * bed.stepMilliseconds);
    assert.deepEqual(await written(uid), before, 'no step is written while it is held');
    await options.look?.();
    release();
    const failure = await bed.during(outcome);
    if (failure !== undefined) throw failure;
    return asked;
  };
  const recover = (uid: string, leaveRunning: boolean, counts: boolean) =>
    node().bed.during(
      node().runtime.recoverDump(uid, {
        ...{ directory: directoryOf(uid), leaveRunning, timeoutMilliseconds: 60_000 },
        decide: async () => counts,
      }),
    );

  test('a held dump is whole while every container stands still; when it counts the pod never runs again', async () => {
    const asked = await holdPod('committed', {
      leaveRunning: false,
      answer: async () => true,
      look: () =>
        verifyDump(directoryOf('committed'), ['left', 'right'], { files: node().bed.files }).then(() => undefined),
    });
    assert.deepEqual(
      asked.map(({ still, report }) => [still, report?.containers.map(({ name }) => name).sort()]),
      [[true, ['left', 'right']]],
    );
    assert.equal((await node().container('committed', 'left')).state, 'frozen');
    assert.equal((await node().container('committed', 'right')).state, 'frozen');
  });

  test('a held dump that counts, of a pod that is to run on, costs it no step', async () => {
    await holdPod('copied-held', { leaveRunning: true, answer: async () => true });
    await verifyDump(directoryOf('copied-held'), ['left', 'right'], { files: node().bed.files });
    for (const { name } of PAIR) await node().untilExited('copied-held', name);
    assert.deepEqual(await written('copied-held'), [stepsUpTo(STEPS), stepsUpTo(STEPS)]);
  });

  for (const leaveRunning of [true, false]) {
    const after = leaveRunning ? 'to run on' : 'to be stopped';
    test(`a held dump that is refused is undone: the pod, ${after}, runs on without a step lost or doubled`, async () => {
      const uid = `refused-${leaveRunning}`;
      await assert.rejects(holdPod(uid, { leaveRunning, answer: async () => false }), { code: 'DumpRefused' });
      assert.equal(await node().bed.files.list(directoryOf(uid)), undefined);
      for (const { name } of PAIR) await node().untilExited(uid, name);
      assert.deepEqual(await written(uid), [stepsUpTo(STEPS), stepsUpTo(STEPS)]);
    });

    for (const counts of [true, false]) {
      const then = counts ? 'counts' : 'is undone';
      test(`a dump nobody could decide on stays held; recovered, it ${then} (pod ${after})`, async () => {
        const uid = `undecided-${leaveRunning}-${counts}`;
        const away = holdPod(uid, { leaveRunning, answer: () => Promise.reject(new Error('nobody answers')) });
        await assert.rejects(away, /nobody answers/);
        const before = await written(uid);
        await node().bed.pass(5 * node().bed.stepMilliseconds);
        assert.deepEqual(await written(uid), before, 'it stands still');
        assert.equal(await recover(uid, leaveRunning, counts), counts ? 'dumped' : 'running');
        if (counts) await verifyDump(directoryOf(uid), ['left', 'right'], { files: node().bed.files });
        else assert.equal(await node().bed.files.list(directoryOf(uid)), undefined);
        if (counts && !leaveRunning) {
          assert.equal((await node().container(uid, 'left')).state, 'frozen');
          assert.deepEqual(await written(uid), before);
          return;
        }
        for (const { name } of PAIR) await node().untilExited(uid, name);
        assert.deepEqual(await written(uid), [stepsUpTo(STEPS), stepsUpTo(STEPS)]);
      });
    }
  }
}
