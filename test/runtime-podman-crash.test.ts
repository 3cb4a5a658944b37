import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { PodmanRuntime } from '../src/runtime/index.ts';
import { begin, counter, missingParts, observed, PodmanGround, steps, until } from './podman-ground.ts';

const missing = await missingParts();
/** Spread over a dump or restore of this size, which takes 250 to 500 ms here. */
const MOMENTS = [5, 60, 120, 180, 240, 320, 450];
const MEMORY = 64;

describe('podman runtime: killed at any moment', { skip: missing ?? false }, () => {
  let ground: PodmanGround;
  let runtime: PodmanRuntime;
  before(async () => {
    ground = await PodmanGround.open();
    runtime = ground.runtime();
  });
  after(() => ground.close());

  const agent = async (...order: string[]): Promise<ChildProcess> => {
    const options = JSON.stringify({ ...ground.place(), node: 'node-1', tools: ground.tools });
    const child = spawn(process.execPath, [join(import.meta.dirname, 'podman-agent.ts'), options, ...order], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    return child;
  };
  const ended = (child: ChildProcess): Promise<unknown> =>
    child.exitCode !== null || child.signalCode !== null
      ? Promise.resolve()
      : new Promise((resolve) => child.once('exit', resolve));
  const processesOf = async (uid: string): Promise<number> => {
    const pod = (await runtime.list()).find((candidate) => candidate.uid === uid);
    return (pod?.containers ?? []).filter(({ state }) => state === 'running').length;
  };

  for (const moment of MOMENTS) {
    test(`the agent killed ${moment} ms into a dump: the pod runs on, or it is dumped; not a step is lost or doubled`, async () => {
      const work = await ground.directory(`dump-${moment}`);
      const made = ground.pod([counter({ memoryMebibytes: MEMORY })], {}, { work });
      const uid = await begin(runtime, made);
      await until('it counts', async () => (await steps(work)) > 3);
      const directory = join(ground.folder, `dump-${moment}-checkpoint`);
      const child = await agent('dump', uid, directory);
      await ground.clock.sleep(moment);
      child.kill('SIGKILL');
      await ended(child);
      const outcome = await runtime.recoverDump(uid, { directory, leaveRunning: false, timeoutMilliseconds: 20_000 });
      if (outcome === 'running') {
        assert.ok(!existsSync(directory));
        const at = await steps(work);
        await until('it counts on', async () => (await steps(work)) > at);
        await runtime.checkpointPod(uid, { directory, leaveRunning: false, timeoutMilliseconds: 20_000 });
      } else assert.equal(outcome, 'dumped');
      assert.equal((await observed(runtime, uid))?.state, 'frozen');
      const frozen = await steps(work);
      await runtime.removePod(uid, 1);
      assert.equal(await steps(work), frozen);
      const next = ground.next(made);
      await runtime.restorePod(next, directory);
      await until('it goes on', async () => (await steps(work)) > frozen + 3);
      await runtime.removePod(next.pod.metadata.uid, 0);
    });
  }

  for (const victim of ['agent', 'service'] as const) {
    for (const moment of [20, 100, 200, 300]) {
      test(`the ${victim} killed ${moment} ms into a restore: done again there is one process, from the very next step`, async () => {
        const work = await ground.directory(`${victim}-${moment}`);
        const made = ground.pod([counter({ memoryMebibytes: MEMORY })], {}, { work });
        const uid = await begin(runtime, made);
        await until('it counts', async () => (await steps(work)) > 3);
        const directory = join(ground.folder, `${victim}-${moment}-checkpoint`);
        await runtime.checkpointPod(uid, { directory, leaveRunning: false, timeoutMilliseconds: 20_000 });
        await runtime.removePod(uid, 1);
        const frozen = await steps(work);
        const next = ground.next(made);
        const child = await agent('restore', JSON.stringify(next), directory);
        await ground.clock.sleep(moment);
        if (victim === 'agent') {
          child.kill('SIGKILL');
          await ended(child);
        } else {
          process.kill(Number(await readFile(ground.service.layout.pidFile, 'utf8')), 'SIGKILL');
          await ground.clock.sleep(20);
          await ground.service.start();
          child.kill('SIGKILL'); // what it did about it is not looked at here
          await ended(child);
        }
        const { uid: newUid } = next.pod.metadata;
        // Until the restore is done again, what there is of the pod must not be started from scratch.
        const seen = await observed(runtime, newUid);
        if (seen !== undefined && seen.state !== 'running') {
          await assert.rejects(runtime.startContainer(newUid, 'main'), { code: 'ContainerStartFailed' });
        }
        await runtime.restorePod(next, directory);
        assert.equal(await processesOf(newUid), 1);
        const at = await steps(work);
        assert.ok(at >= frozen);
        await until('it goes on', async () => (await steps(work)) > at + 3);
        await runtime.removePod(newUid, 0);
        const last = await steps(work);
        await ground.clock.sleep(150);
        assert.equal(await steps(work), last);
      });
    }
  }

  test('the service killed at any moment while it makes a pod: it is made when asked again', async () => {
    for (let moment = 4; moment < 52; moment += 4) {
      const made = ground.pod([counter()], {}, { work: await ground.directory(`making-${moment}`) });
      const outcome = runtime.createPod(made).then(
        () => 'made',
        (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
      );
      await ground.clock.sleep(moment);
      process.kill(Number(await readFile(ground.service.layout.pidFile, 'utf8')), 'SIGKILL');
      assert.ok(['made', 'PodmanUnreachable'].includes(String(await outcome)), String(await outcome));
      await ground.service.start();
      await runtime.createPod(made);
      assert.equal((await observed(runtime, made.pod.metadata.uid))?.state, 'created');
      await runtime.removePod(made.pod.metadata.uid, 0);
    }
  });

  for (const delay of [0, 5, 15]) {
    test(`the service killed ${delay} ms after the restored process runs: what it did is neither lost nor done again`, async () => {
      const work = await ground.directory(`split-${delay}`);
      const made = ground.pod([counter({ stepMilliseconds: 2 })], {}, { work });
      const uid = await begin(runtime, made);
      await until('it counts', async () => (await steps(work)) > 3);
      const directory = join(ground.folder, `split-${delay}-checkpoint`);
      await runtime.checkpointPod(uid, { directory, leaveRunning: false, timeoutMilliseconds: 20_000 });
      await runtime.removePod(uid, 1);
      const frozen = await steps(work);
      const next = ground.next(made);
      const { uid: newUid } = next.pod.metadata;
      const service = Number(await readFile(ground.service.layout.pidFile, 'utf8'));
      const restoring = runtime.restorePod(next, directory).then(
        () => 'restored',
        (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
      );
      const file = join(work, 'steps');
      const { size } = statSync(file);
      while (statSync(file).size === size) await new Promise((resolve) => setImmediate(resolve));
      await ground.clock.sleep(delay);
      process.kill(service, 'SIGKILL');
      const outcome = await restoring;
      assert.ok(outcome === 'restored' || outcome === 'PodmanUnreachable', String(outcome));
      await ground.service.start();
      await runtime.restorePod(next, directory);
      const at = await until('it goes on', async () => (await steps(work)) > frozen + 3 && steps(work));
      assert.equal((await observed(runtime, newUid))?.state, 'running');
      await until('it goes on', async () => (await steps(work)) > at + 3);
      assert.ok(!existsSync(ground.service.layout.rescued(newUid)));
      await runtime.removePod(newUid, 0);
      await steps(work);
    });
  }

  test('the service killed and started again finds every pod as it was', async () => {
    const work = await ground.directory('service-killed');
    const uid = await begin(runtime, ground.pod([counter()], {}, { work }));
    process.kill(Number(await readFile(ground.service.layout.pidFile, 'utf8')), 'SIGKILL');
    await assert.rejects(runtime.list(), { code: 'PodmanUnreachable' });
    await ground.service.start();
    assert.equal((await observed(runtime, uid))?.state, 'running');
    await runtime.removePod(uid, 0);
  });
});
