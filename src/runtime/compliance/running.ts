import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stepsIn, stepsUpTo, type TestNode } from './node.ts';

/** What holds for `PodRunner`. */
export function runningTests(node: () => TestNode): void {
  test('a created pod has its containers, and none of them runs', async () => {
    await node().create({ uid: 'created' });
    const { state, image } = await node().container('created');
    assert.equal(state, 'created');
    assert.equal(image, node().bed.image);
    assert.equal((await node().observe('created'))?.namespace, 'compliance');
    await node().bed.pass(3 * node().bed.stepMilliseconds);
    assert.deepEqual(await node().steps('created'), []);
  });

  test('creating a pod twice is creating it once', async () => {
    await node().create({ uid: 'twice' });
    const { id } = await node().container('twice');
    await node().create({ uid: 'twice' });
    assert.equal((await node().container('twice')).id, id);
    assert.equal((await node().bed.during(node().runtime.list())).filter(({ uid }) => uid === 'twice').length, 1);
  });

  test('a started container runs, uses memory, and ends with its own exit code', async () => {
    await node().run({ uid: 'ends', containers: [{ steps: 5, exitCode: 3, memoryMebibytes: 8 }] });
    const running = await node().container('ends');
    assert.equal(running.state, 'running');
    await node().untilExited('ends');
    const { exitCode, startedAt = 0, finishedAt = 0, reason } = await node().container('ends');
    assert.equal(exitCode, 3);
    assert.equal(reason, undefined);
    assert.ok(finishedAt - startedAt >= 5 * node().bed.stepMilliseconds, `it ran ${finishedAt - startedAt} ms`);
    assert.deepEqual(await node().steps('ends'), stepsUpTo(5));
  });

  test('starting a container that runs changes nothing', async () => {
    await node().run({ uid: 'started-twice', containers: [{ steps: 4 }] });
    await node().bed.during(node().runtime.startContainer('started-twice', 'main'));
    await node().untilExited('started-twice');
    assert.deepEqual(await node().steps('started-twice'), stepsUpTo(4));
  });

  test('an exited container can be started again, from its beginning, and the log of its last run is kept', async () => {
    await node().run({ uid: 'again', containers: [{ steps: 12, exitCode: 1 }] });
    await node().untilExited('again');
    await node().bed.during(node().runtime.startContainer('again', 'main'));
    assert.equal((await node().container('again')).state, 'running');
    await node().untilExited('again');
    assert.deepEqual(await node().steps('again'), stepsUpTo(12));
    assert.deepEqual(stepsIn(await node().log('again', { previous: true })), stepsUpTo(12));
  });

  test('a log can be followed to its end', async () => {
    await node().run({ uid: 'followed', containers: [{ steps: 6 }] });
    assert.deepEqual(stepsIn(await node().log('followed', { follow: true })), stepsUpTo(6));
    await node().untilExited('followed');
  });

  test('following a log ends when it is aborted', async () => {
    await node().run({ uid: 'unfollowed' });
    const controller = new AbortController();
    const following = node().log('unfollowed', { follow: true, signal: controller.signal });
    await node().bed.pass(2 * node().bed.stepMilliseconds);
    controller.abort(new Error('seen enough'));
    const [outcome] = await Promise.allSettled([following]);
    // It may end quietly or with the signal's reason; what matters is that it ends.
    if (outcome.status === 'rejected') assert.match(String(outcome.reason), /seen enough|abort/i);
  });

  test('of a log one can ask for the last lines, the first bytes, the times, and what came since', async () => {
    await node().run({ uid: 'logged', containers: [{ steps: 8 }] });
    await node().untilExited('logged');
    assert.equal(await node().log('logged', { tailLines: 2 }), 'step 7\nstep 8\n');
    assert.equal(await node().log('logged', { tailLines: 0 }), '');
    assert.equal(await node().log('logged', { tailLines: 100 }), await node().log('logged'));
    assert.equal(await node().log('logged', { limitBytes: 10 }), 'step 1\nste');
    const times = (await node().log('logged', { timestamps: true }))
      .trimEnd()
      .split('\n')
      .map((line) => {
        const parts = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)) step \d+$/.exec(line);
        assert.ok(parts, `no time in front of: ${line}`);
        return Date.parse(parts[1] ?? '');
      });
    assert.equal(times.length, 8);
    const [since = 0] = times.slice(5);
    assert.deepEqual(stepsIn(await node().log('logged', { since })), [6, 7, 8]);
  });

  test('containers of a pod run side by side, each with its own settings, log and end', async () => {
    await node().run({
      uid: 'several',
      containers: [
        { name: 'short', steps: 3, exitCode: 1, writes: true },
        { name: 'long', steps: 9, writes: true },
      ],
    });
    await node().untilExited('several', 'short');
    await node().untilExited('several', 'long');
    assert.equal((await node().container('several', 'short')).exitCode, 1);
    assert.equal((await node().container('several', 'long')).exitCode, 0);
    assert.deepEqual(await node().steps('several', 'short'), stepsUpTo(3));
    assert.deepEqual(await node().written('several', 'short'), stepsUpTo(3));
    assert.deepEqual(await node().written('several', 'long'), stepsUpTo(9));
  });

  test('a container beyond its memory limit is ended with 137 and OOMKilled', async () => {
    await node().run({ uid: 'greedy', containers: [{ memoryMebibytes: 96, memoryLimit: '32Mi' }] });
    await node().untilExited('greedy');
    const { exitCode, reason } = await node().container('greedy');
    assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: 'OOMKilled' });
  });

  test('a container that grows beyond its memory limit runs until then', async () => {
    await node().run({
      uid: 'growing',
      containers: [{ memoryMebibytes: 4, growthKibibytes: 4096, memoryLimit: '40Mi' }],
    });
    await node().untilStep('growing', 2);
    await node().untilExited('growing');
    assert.equal((await node().container('growing')).reason, 'OOMKilled');
  });

  test('a removed pod is gone, with a process that heeds SIGTERM at once', async () => {
    await node().run({ uid: 'removed' });
    await node().untilStep('removed', 1);
    const before = node().bed.now();
    await node().remove('removed', 30);
    assert.equal(await node().observe('removed'), undefined);
    assert.ok(node().bed.now() - before <= 5_000, `it took ${node().bed.now() - before} ms`);
  });

  test('a process that ignores SIGTERM is given its grace, and no more', async () => {
    await node().run({ uid: 'stubborn', containers: [{ ignoreTerm: 1, writes: true }] });
    await node().untilStep('stubborn', 1);
    const before = node().bed.now();
    await node().remove('stubborn', 1);
    const took = node().bed.now() - before;
    assert.equal(await node().observe('stubborn'), undefined);
    assert.ok(took >= 1_000 && took <= 1_000 + node().bed.toleranceMilliseconds, `it took ${took} ms`);
    const written = await node().written('stubborn');
    await node().bed.pass(3 * node().bed.stepMilliseconds);
    assert.deepEqual(await node().written('stubborn'), written);
  });

  test('removing what is not there resolves, also a second time', async () => {
    await node().remove('never-was', 30);
    await node().create({ uid: 'once' });
    await node().remove('once');
    await node().remove('once');
  });

  test('an image that does not exist is said to be missing, and nothing is left', async () => {
    await assert.rejects(node().create({ uid: 'imageless', containers: [{ image: 'registry.invalid/none:1' }] }), {
      code: 'ImageNotFound',
    });
    assert.equal(await node().observe('imageless'), undefined);
  });

  test('of a pod that is not there nothing can be started, read or dumped', async () => {
    const { runtime, bed } = node();
    await assert.rejects(bed.during(runtime.startContainer('nobody', 'main')), { name: 'FermataError' });
    await assert.rejects(node().log('nobody'), { name: 'FermataError' });
    await assert.rejects(node().dump('nobody', `${bed.folder}/nobody`), { code: 'PodNotRunning' });
    assert.equal(await bed.files.list(`${bed.folder}/nobody`), undefined);
  });

  test('changes tell of a start, an end and a removal, and end when aborted', async () => {
    const { bed, runtime } = node();
    const controller = new AbortController();
    const seen: string[] = [];
    const listening = (async () => {
      for await (const uid of runtime.changes(controller.signal)) seen.push(uid);
    })();
    await node().run({ uid: 'changing', containers: [{ steps: 3 }] });
    await node().until('the start is told', async () => seen.includes('changing'));
    await bed.pass(bed.stepMilliseconds);
    const before = seen.length;
    await node().untilExited('changing');
    await node().until('the end is told', async () => seen.length > before);
    controller.abort();
    await bed.during(listening);
  });
}
