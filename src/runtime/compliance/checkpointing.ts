import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sealCheckpoint, verifyDump } from '../../checkpoint/index.ts';
import { stepsUpTo, type TestNode } from './node.ts';
import type { ContainerSketch } from './sketch.ts';

const STEPS = 60;
const COUNTING: ContainerSketch = { steps: STEPS, memoryMebibytes: 8, writes: true };

/** What holds for `PodCheckpointer`. */
export function checkpointingTests(node: () => TestNode, secondNode: () => TestNode): void {
  const directoryOf = (name: string): string => `${node().bed.folder}/checkpoint-${name}`;
  const digest = async (directory: string): Promise<string> => {
    const { files } = node().bed;
    const manifest = await sealCheckpoint(directory, { createdAt: '2026-01-01T00:00:00Z', containers: [] }, { files });
    return manifest.digest;
  };

  test('a dump that leaves the pod running is whole, measured, and costs it no step', async () => {
    await node().run({ uid: 'copied', containers: [COUNTING] });
    await node().untilStep('copied', 5);
    const directory = directoryOf('copied');
    const { containers } = await node().dump('copied', directory, { leaveRunning: true });
    assert.deepEqual(
      containers.map(({ name, image }) => [name, image]),
      [['main', node().bed.image]],
    );
    const [{ sizeBytes, frozenMicroseconds, memdumpMicroseconds } = assert.fail()] = containers;
    assert.ok(sizeBytes >= 8 * 1_048_576, `${sizeBytes} bytes for 8 MiB of memory`);
    assert.ok(frozenMicroseconds > 0 && memdumpMicroseconds > 0 && memdumpMicroseconds <= frozenMicroseconds);
    await verifyDump(directory, ['main'], { files: node().bed.files });
    assert.equal((await node().container('copied')).state, 'running');
    await node().untilExited('copied');
    assert.deepEqual(await node().written('copied'), stepsUpTo(STEPS));
  });

  test('from the instant of a dump that stops the pod nothing of it runs again, whoever asks', async () => {
    await node().run({ uid: 'stopped', containers: [COUNTING] });
    await node().untilStep('stopped', 5);
    await node().dump('stopped', directoryOf('stopped'));
    assert.equal((await node().container('stopped')).state, 'frozen');
    const written = await node().written('stopped');
    await node().bed.pass(5 * node().bed.stepMilliseconds);
    await assert.rejects(node().bed.during(node().runtime.startContainer('stopped', 'main')), {
      code: 'ContainerStartFailed',
    });
    assert.equal((await node().container('stopped')).state, 'frozen');
    assert.deepEqual(await node().written('stopped'), written);
    await node().remove('stopped', 1);
    assert.notEqual(await node().bed.files.list(directoryOf('stopped')), undefined);
  });

  test('a pod goes on elsewhere under a new UID from the very next step, and every step is written once', async () => {
    await node().run({ uid: 'moved-1', workload: 'moved', containers: [COUNTING] });
    await node().untilStep('moved-1', 7);
    const directory = directoryOf('moved');
    await node().dump('moved-1', directory);
    await node().remove('moved-1', 1);
    const before = await node().written('moved');
    await secondNode().restore({ uid: 'moved-2', workload: 'moved', containers: [COUNTING] }, directory);
    assert.equal((await secondNode().container('moved-2')).state, 'running');
    await secondNode().untilStep('moved-2', before.length + 3);
    const again = directoryOf('moved-again');
    await secondNode().dump('moved-2', again);
    await secondNode().remove('moved-2', 1);
    await node().restore({ uid: 'moved-3', workload: 'moved', containers: [COUNTING] }, again);
    await node().untilExited('moved-3');
    assert.equal((await node().container('moved-3')).exitCode, 0);
    assert.deepEqual(await node().written('moved'), stepsUpTo(STEPS));
    assert.deepEqual(await node().steps('moved-3'), stepsUpTo(STEPS));
    // Started again it is its image that runs, and not the checkpoint.
    await node().bed.during(node().runtime.startContainer('moved-3', 'main'));
    await node().untilStep('moved-3', 2);
    assert.deepEqual((await node().steps('moved-3')).slice(0, 2), stepsUpTo(2));
    assert.equal((await node().container('moved-3')).state, 'running');
  });

  test('two pods come from one checkpoint, and not a byte of it changes', async () => {
    const counting = { ...COUNTING, writes: false };
    await node().run({ uid: 'source', containers: [counting] });
    await node().untilStep('source', 5);
    const directory = directoryOf('source');
    await node().dump('source', directory);
    const reached = (await node().steps('source')).length;
    await node().remove('source', 1);
    const before = await digest(directory);
    await node().restore({ uid: 'first-copy', containers: [counting] }, directory);
    await secondNode().restore({ uid: 'second-copy', containers: [counting] }, directory);
    await node().untilStep('first-copy', reached + 2);
    await secondNode().untilStep('second-copy', reached + 2);
    await node().untilExited('first-copy');
    await node().remove('first-copy');
    await secondNode().remove('second-copy');
    assert.equal(await digest(directory), before);
  });

  test('all containers of a pod are dumped and restored together; one that had ended stays so until it starts anew', async () => {
    const containers: ContainerSketch[] = [
      { name: 'left', steps: STEPS, writes: true },
      { name: 'right', steps: STEPS, writes: true },
      { name: 'ended', steps: 1, exitCode: 4 },
    ];
    await node().run({ uid: 'group-1', workload: 'group', containers });
    await node().untilExited('group-1', 'ended');
    await node().untilStep('group-1', 5, 'left');
    await node().untilStep('group-1', 5, 'right');
    const directory = directoryOf('group');
    const { containers: dumped } = await node().dump('group-1', directory);
    assert.deepEqual(dumped.map(({ name }) => name).sort(), ['left', 'right']);
    await verifyDump(directory, ['left', 'right'], { files: node().bed.files });
    await node().remove('group-1', 1);
    await node().restore({ uid: 'group-2', workload: 'group', containers }, directory);
    const ended = await node().container('group-2', 'ended');
    assert.deepEqual([ended.state, ended.exitCode, ended.endedBeforeDump], ['exited', 4, true]);
    assert.equal((await node().container('group-2', 'left')).endedBeforeDump, undefined);
    await node().bed.during(node().runtime.startContainer('group-2', 'ended'));
    await node().until('the ended container has run again', async () => {
      const again = await node().container('group-2', 'ended');
      return again.state === 'exited' && (again.startedAt ?? 0) > (ended.startedAt ?? 0);
    });
    await node().untilExited('group-2', 'left');
    await node().untilExited('group-2', 'right');
    assert.deepEqual(await node().written('group', 'left'), stepsUpTo(STEPS));
    assert.deepEqual(await node().written('group', 'right'), stepsUpTo(STEPS));
  });

  test('restoring a pod that was restored already changes nothing', async () => {
    await node().run({ uid: 'calm-1', workload: 'calm', containers: [COUNTING] });
    await node().untilStep('calm-1', 3);
    await node().dump('calm-1', directoryOf('calm'));
    await node().remove('calm-1', 1);
    await node().restore({ uid: 'calm-2', workload: 'calm', containers: [COUNTING] }, directoryOf('calm'));
    await node().restore({ uid: 'calm-2', workload: 'calm', containers: [COUNTING] }, directoryOf('calm'));
    await node().untilExited('calm-2');
    assert.deepEqual(await node().written('calm'), stepsUpTo(STEPS));
  });

  test('a dump that takes too long is undone: the pod runs on, the directory is gone, and it can be dumped later', async () => {
    await node().run({ uid: 'slow', containers: [{ ...COUNTING, memoryMebibytes: 48 }] });
    await node().untilStep('slow', 3);
    const directory = directoryOf('slow');
    await assert.rejects(node().dump('slow', directory, { timeoutMilliseconds: 1 }), { code: 'DumpTimeout' });
    assert.equal(await node().bed.files.list(directory), undefined);
    assert.equal((await node().container('slow')).state, 'running');
    const reached = (await node().steps('slow')).length;
    await node().untilStep('slow', reached + 2);
    await node().dump('slow', directory, { leaveRunning: true });
    await node().untilExited('slow');
    assert.deepEqual(await node().written('slow'), stepsUpTo(STEPS));
  });

  test('an aborted dump rejects with the reason, and is undone likewise', async () => {
    await node().run({ uid: 'aborted', containers: [{ ...COUNTING, memoryMebibytes: 48 }] });
    await node().untilStep('aborted', 3);
    const directory = directoryOf('aborted');
    const controller = new AbortController();
    const { bed, runtime } = node();
    const options = { directory, leaveRunning: false, timeoutMilliseconds: 60_000, signal: controller.signal };
    const dumping = runtime.checkpointPod('aborted', options);
    const outcome = assert.rejects(dumping, /changed my mind/);
    await bed.pass(30);
    controller.abort(new Error('changed my mind'));
    await bed.during(outcome);
    assert.equal(await bed.files.list(directory), undefined);
    await node().untilExited('aborted');
    assert.deepEqual(await node().written('aborted'), stepsUpTo(STEPS));
  });

  test('a dump never replaces a directory', async () => {
    await node().run({ uid: 'careful', containers: [COUNTING] });
    await node().untilStep('careful', 3);
    const directory = directoryOf('careful');
    await node().dump('careful', directory, { leaveRunning: true });
    const before = await digest(directory);
    await assert.rejects(node().dump('careful', directory), { code: 'DumpFailed' });
    assert.equal(await digest(directory), before);
    await node().untilExited('careful');
    assert.deepEqual(await node().written('careful'), stepsUpTo(STEPS));
  });

  test('a pod that was not started, or has ended, cannot be dumped', async () => {
    await node().create({ uid: 'waiting' });
    await assert.rejects(node().dump('waiting', directoryOf('waiting')), { code: 'PodNotRunning' });
    await node().run({ uid: 'over', containers: [{ steps: 1 }] });
    await node().untilExited('over');
    await assert.rejects(node().dump('over', directoryOf('over')), { code: 'PodNotRunning' });
    assert.equal(await node().bed.files.list(directoryOf('over')), undefined);
  });

  test('from a checkpoint that was cut nothing is restored, and nothing is left of the pod', async () => {
    await node().run({ uid: 'cut-1', workload: 'cut', containers: [COUNTING] });
    await node().untilStep('cut-1', 3);
    const directory = directoryOf('cut');
    await node().dump('cut-1', directory);
    await node().remove('cut-1', 1);
    const { files } = node().bed;
    for (const { path, kind, sizeBytes } of (await files.list(directory)) ?? []) {
      if (kind !== 'file' || !/\.img$|\.json$/.test(path)) continue;
      const bytes = await files.read(directory, path, sizeBytes);
      await files.write(directory, path, bytes.subarray(0, Math.floor(sizeBytes / 2)));
    }
    await assert.rejects(node().restore({ uid: 'cut-2', workload: 'cut', containers: [COUNTING] }, directory), {
      code: 'RestoreFailed',
    });
    assert.equal(await node().observe('cut-2'), undefined);
  });

  test('from a checkpoint that is not there nothing is restored, and nothing is left of the pod', async () => {
    await assert.rejects(node().restore({ uid: 'baseless' }, directoryOf('baseless')), { code: 'RestoreFailed' });
    assert.equal(await node().observe('baseless'), undefined);
  });

  test('an aborted restore leaves nothing of the pod', async () => {
    await node().run({ uid: 'haste-1', workload: 'haste', containers: [COUNTING] });
    await node().untilStep('haste-1', 3);
    await node().dump('haste-1', directoryOf('haste'));
    await node().remove('haste-1', 1);
    const signal = AbortSignal.abort(new Error('no need'));
    const { bed, runtime } = node();
    const { drawPod } = await import('./sketch.ts');
    const pod = await drawPod(bed, { uid: 'haste-2', workload: 'haste', containers: [COUNTING] });
    await assert.rejects(bed.during(runtime.restorePod(pod, directoryOf('haste'), { signal })), /no need/);
    assert.equal(await node().observe('haste-2'), undefined);
  });

  test('a dump that nobody finished is recovered: nothing happened, it is complete, or the pod is lost', async () => {
    const { bed, runtime } = node();
    const recover = (uid: string) =>
      bed.during(
        runtime.recoverDump(uid, { directory: directoryOf(uid), leaveRunning: false, timeoutMilliseconds: 60_000 }),
      );
    await node().run({ uid: 'recovered', containers: [COUNTING] });
    await node().untilStep('recovered', 3);
    await bed.files.makeDirectory(directoryOf('recovered'));
    assert.equal(await recover('recovered'), 'running');
    assert.equal(await bed.files.list(directoryOf('recovered')), undefined);
    await node().dump('recovered', directoryOf('recovered'));
    const written = await node().written('recovered');
    assert.equal(await recover('recovered'), 'dumped');
    await verifyDump(directoryOf('recovered'), ['main'], { files: bed.files });
    assert.deepEqual(await node().written('recovered'), written);
    assert.equal(await recover('unknown'), 'lost');
  });
}
