import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { accountSteps, countingPod, DEMO_NAMESPACE, readOutput } from '../../src/demo/index.ts';
import { conditionOf, POD_CHECKPOINTS, PODS } from '../../src/model/index.ts';
import { OWN_COMMAND, startTestSandbox } from '../sandbox-harness.ts';

/** More than it ever comes to. */
const STEPS = 10_000;
const name = 'thesis';

test('podman: checkpoints are looked at by name, one is exported, and what is imported of it goes on from there', {
  timeout: 180_000,
}, async () => {
  const world = await startTestSandbox({ runtime: 'podman', store: true });
  const { sandbox, observer, folder } = world;
  const signal = AbortSignal.timeout(170_000);
  const root = sandbox.directory.root;
  const command = async (...args: string[]): Promise<string> => {
    const all = [...OWN_COMMAND.arguments, ...args, '--dir', root, '-n', DEMO_NAMESPACE];
    return (await promisify(execFile)(OWN_COMMAND.command, all)).stdout;
  };
  const checkpoints = (...args: string[]): Promise<string> => command('checkpoints', ...args);
  try {
    const output = join(folder, 'output');
    const program = { steps: STEPS, stepMilliseconds: 40, memoryMebibytes: 8, cpu: '500m' };
    const pod = await sandbox.store.create(PODS, countingPod({ name, outputFolder: output, ...program }));
    const counted = async (): Promise<number> => accountSteps(await readOutput(output), STEPS).steps.length;
    await observer.until('a few steps', async () => ((await counted()) > 3 ? true : undefined), signal);
    const take = async (own: string, postCheckpointState: 'Running' | 'Stopped'): Promise<void> => {
      const sourcePod = { name, uid: pod.metadata.uid };
      const spec = { sourcePod, postCheckpointState, reason: 'Manual', restore: 'Never' } as const;
      await sandbox.store.create(POD_CHECKPOINTS, { metadata: { namespace: DEMO_NAMESPACE, name: own }, spec });
      const wanted = postCheckpointState === 'Running' ? ['Stored'] : ['Stored', 'Released'];
      const there = async (): Promise<true | undefined> => {
        const { status } = await sandbox.store.get(POD_CHECKPOINTS, { namespace: DEMO_NAMESPACE, name: own });
        return wanted.every((type) => conditionOf(status?.conditions, type)?.status === 'True') || undefined;
      };
      await observer.until(`${own} is stored`, there, signal);
    };
    await take('first', 'Running');
    await take('second', 'Stopped');
    const frozenAt = await counted();

    const [container] = JSON.parse(await checkpoints('inspect', 'second', '--output', 'json')).containers;
    assert.equal(container.processes[0].commandLine[0], 'perl');
    const { memory } = JSON.parse(await checkpoints('diff', 'first', 'second', '--output', 'json'));
    assert.ok(memory[0].changedPages > 0 && memory[0].samePages > 1000, JSON.stringify(memory));
    const [used] = JSON.parse(await checkpoints('du', '--output', 'json'));
    assert.deepEqual([used.checkpoints, used.notStored], [2, 0]);
    assert.ok(used.onNodesBytes > 16 << 20 && used.storedBytes > 0);
    await checkpoints('pin', 'first');
    assert.match(await checkpoints('ls'), /^first .* yes *$/m);
    await assert.rejects(checkpoints('rm', 'first'), /it is pinned/);
    await checkpoints('pin', 'first', '--unpin');
    assert.equal(await checkpoints('gc', '--dry-run'), 'no checkpoint is to go\n');
    const wiping = ['--node', 'node-1', '--local-copies', 'wipe', '--output', 'json'];
    const { copies } = JSON.parse(await checkpoints('gc', '--dry-run', ...wiping));
    assert.deepEqual(
      copies.map(({ id, goes }: { id: string; goes: boolean }) => [id, goes]),
      ['first', 'second'].map((own) => [`${DEMO_NAMESPACE}/${own}`, true]),
    );
    const tar = join(folder, 'second.tar');
    await checkpoints('export', 'second', '--file', tar);

    // No longer on the node: it comes from the store, and is the one that the object names.
    const held = join(sandbox.directory.node('node-1'), 'checkpoints');
    await rename(held, `${held}.away`);
    assert.match(await checkpoints('verify', 'second'), /is whole: every byte/);
    await rename(`${held}.away`, held);

    const keys = ['--store', join(folder, 'store'), '--keys', sandbox.directory.keys];
    await mkdir(join(folder, 'volumes'));
    await writeFile(join(folder, 'volumes', 'cache.tar'), '');
    const withVolume = join(folder, 'with-volume.tar');
    await copyFile(tar, withVolume);
    await promisify(execFile)('tar', ['-C', folder, '-rf', withVolume, 'volumes/cache.tar']);
    const losing = checkpoints('import', withVolume, '--checkpoint', 'losing', ...keys);
    await assert.rejects(losing, /has volumes, which a PodCheckpoint made of it would not have: cache/);
    const made = await checkpoints('import', tar, '--checkpoint', 'third', ...keys, '--output', 'json');
    assert.deepEqual(JSON.parse(made).pod, name);
    const suspended = await observer.until(
      'the suspended pod',
      () => (observer.pod(`${DEMO_NAMESPACE}/${name}`)?.metadata.uid === pod.metadata.uid ? undefined : true),
      signal,
    );
    assert.ok(suspended);
    await assert.rejects(checkpoints('rm', 'third'), /only copy of what a suspended workload computed/);
    await command('resume', `pod/${name}`);
    await observer.until('it goes on', async () => ((await counted()) > frozenAt + 2 ? true : undefined), signal);
    await sandbox.store.delete(PODS, { namespace: DEMO_NAMESPACE, name });
    const { steps } = accountSteps(await readOutput(output), STEPS);
    assert.deepEqual(
      steps,
      steps.map((_, index) => index + 1),
    );

    const third = await sandbox.store.get(POD_CHECKPOINTS, { namespace: DEMO_NAMESPACE, name: 'third' });
    const archive = third.status?.checkpointLocation?.store?.archive ?? 'none';
    const archives = join(folder, 'store', DEMO_NAMESPACE, 'archives');
    const manifest = join(archives, archive, 'manifest');
    assert.ok(existsSync(manifest));
    const again = checkpoints('import', tar, '--checkpoint', 'third', ...keys);
    await assert.rejects(again, /"third" already exists/);
    const whole = (await readdir(archives)).filter((each) => existsSync(join(archives, each, 'manifest')));
    assert.deepEqual(
      whole.filter((each) => each.startsWith('imported-')),
      [archive],
    );
    await checkpoints('rm', 'third');
    await observer.until('its archive goes with it', async () => !existsSync(manifest) || undefined, signal);
  } finally {
    await world.dispose();
  }
});
