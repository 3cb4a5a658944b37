import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf, JOBS, type KubeObject, STATEFUL_SETS } from '../../src/model/index.ts';
import { assertEachOnce, type Ground, isReleased, NODES_HERE, WHY_SKIPPED, withFermata } from './fermata-on-nodes.ts';

const skip = NODES_HERE === undefined ? WHY_SKIPPED : false;
const SECONDS = (seconds: number): string[] => ['sh', '-c', `sleep ${seconds}`];

/** It has begun to count, and everything up to there stands in its file. */
async function counting(ground: Ground, name: string): Promise<void> {
  await ground.until(`${name} counts`, async () => ((await ground.steps(name)).at(-1) ?? 0) >= 10);
}

/** It counts on beyond `steps`. */
async function countsOn(ground: Ground, name: string, steps: readonly number[]): Promise<void> {
  await ground.until(
    `${name} counts on`,
    async () => ((await ground.steps(name)).at(-1) ?? 0) > (steps.at(-1) ?? 0) + 10,
  );
  assertEachOnce(await ground.steps(name));
}

for (const mebibytes of [8, 256]) {
  test(`a victim of ${mebibytes} MiB gives way and goes on afterwards on its node, each of its steps done once`, {
    skip,
  }, async () => {
    await withFermata(async (ground) => {
      const [node = ''] = ground.nodes;
      const command = ['sh', '-c', `exec /counter ${mebibytes} >/data/steps`];
      await ground.pod('victim', { priority: 'low', cpu: '1500m', node, command });
      const victim = await ground.running('victim');
      await counting(ground, 'victim');
      await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: SECONDS(3), restartPolicy: 'Never' });
      await ground.running('urgent');
      const [checkpoint] = await ground.checkpoints();
      assert.ok(
        checkpoint !== undefined && isReleased(checkpoint),
        'the room was confirmed free before the preemptor ran',
      );
      const dumped = checkpoint.status?.checkpointedContainers?.[0];
      assert.ok((dumped?.sizeBytes ?? 0) > mebibytes * 2 ** 20);
      assert.ok((dumped?.frozenMicroseconds ?? 0) > 0);
      const before = await ground.steps('victim');
      const back = await ground.running('victim', victim.uid);
      assert.equal(back.node, node);
      await countsOn(ground, 'victim', before);
    });
  });
}

test('a victim goes on at once on another node that has room', { skip }, async () => {
  await withFermata(async (ground) => {
    const [node = '', other = ''] = ground.nodes;
    await ground.cordon(other, true);
    await ground.pod('victim', {
      priority: 'low',
      cpu: '1500m',
      emptyDir: true,
      command: ['sh', '-c', 'echo kept >/scratch/note; exec /counter 8 >/data/steps'],
    });
    const victim = await ground.running('victim');
    assert.equal(victim.node, node);
    await counting(ground, 'victim');
    await ground.cordon(other, false);
    await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: SECONDS(600), restartPolicy: 'Never' });
    await ground.running('urgent');
    const before = await ground.steps('victim');
    const back = await ground.running('victim', victim.uid);
    assert.equal(back.node, other);
    await countsOn(ground, 'victim', before);
    // And once more, from what was restored: its own images are known again.
    await ground.pod('urgent-2', {
      priority: 'high',
      cpu: '1500m',
      node: other,
      command: SECONDS(3),
      restartPolicy: 'Never',
    });
    await ground.running('urgent-2');
    const second = await ground.steps('victim');
    const again = await ground.running('victim', back.uid);
    assert.equal(again.node, other);
    await countsOn(ground, 'victim', second);
  });
});

test('two victims give way to one preemptor, and both go on', { skip }, async () => {
  await withFermata(async (ground) => {
    const [node = ''] = ground.nodes;
    await ground.pod('left', { priority: 'low', cpu: '400m', node, containers: 2 });
    await ground.pod('right', { priority: 'low', cpu: '800m', node });
    const [left, right] = [await ground.running('left'), await ground.running('right')];
    for (const name of ['left', 'right']) await counting(ground, name);
    await ground.pod('urgent', { priority: 'high', cpu: '1800m', node, command: SECONDS(3), restartPolicy: 'Never' });
    await ground.running('urgent');
    const checkpoints = await ground.checkpoints();
    assert.deepEqual(checkpoints.map(({ spec }) => spec.sourcePod.name).sort(), ['left', 'right']);
    assert.ok(checkpoints.every(isReleased));
    const before = [await ground.steps('left'), await ground.steps('right')];
    await ground.running('left', left.uid);
    await ground.running('right', right.uid);
    await countsOn(ground, 'left', before[0] ?? []);
    await countsOn(ground, 'right', before[1] ?? []);
  });
});

test('a victim that cannot be dumped runs on as if nobody had asked', { skip }, async () => {
  await withFermata(async (ground) => {
    const [node = ''] = ground.nodes;
    // CRIU takes files without a name along only up to 1 MiB each.
    const hold = 'exec 3>/tmp/large; /bin/busybox dd if=/dev/zero bs=1048576 count=3 >&3; /bin/busybox rm /tmp/large';
    await ground.pod('victim', {
      priority: 'low',
      cpu: '1500m',
      node,
      command: ['sh', '-c', `${hold}; exec /counter 8 >/data/steps`],
    });
    const victim = await ground.running('victim');
    await counting(ground, 'victim');
    await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: SECONDS(3), restartPolicy: 'Never' });
    const failed = await ground.until('the checkpoint fails', async () =>
      (await ground.checkpoints()).find(
        ({ status }) => conditionOf(status?.conditions, 'Ready')?.reason === 'CheckpointFailed',
      ),
    );
    const before = await ground.steps('victim');
    await countsOn(ground, 'victim', before);
    const now = await ground.running('victim');
    assert.equal(now.uid, victim.uid);
    assert.equal((await ground.get('victim'))?.status?.containerStatuses?.[0]?.restartCount, 0);
    assert.equal((await ground.get('urgent'))?.spec.nodeName, undefined);
    assert.match(conditionOf(failed.status?.conditions, 'Ready')?.message ?? '', /main/);
  });
});

test('an agent killed in the middle of a dump brings it to an end when it is back', { skip }, async () => {
  await withFermata(async (ground) => {
    const [node = ''] = ground.nodes;
    await ground.pod('victim', {
      priority: 'low',
      cpu: '1500m',
      node,
      command: ['sh', '-c', 'exec /counter 256 >/data/steps'],
    });
    const victim = await ground.running('victim');
    await counting(ground, 'victim');
    await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: SECONDS(3), restartPolicy: 'Never' });
    await ground.until('the dump is under way', async () =>
      (await ground.checkpoints()).some(
        ({ status }) => conditionOf(status?.conditions, 'Ready')?.reason === 'CheckpointInProgress',
      ),
    );
    await ground.killAgent(node);
    await ground.running('urgent');
    const before = await ground.steps('victim');
    const back = await ground.running('victim', victim.uid);
    assert.equal(back.node, node);
    await countsOn(ground, 'victim', before);
  });
});

/** `urgent` takes the room of the one pod of that controller for a while; gives what it had done before. */
async function interrupted(ground: Ground, name: string): Promise<number[]> {
  const [node = ''] = ground.nodes;
  await counting(ground, name);
  const victim = await ground.podOf(name);
  await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: SECONDS(3), restartPolicy: 'Never' });
  await ground.running('urgent');
  const before = await ground.steps(name);
  await ground.until(`the next pod of ${name} runs`, async () => {
    const pod = await ground.podOf(name);
    const runs = pod?.status?.containerStatuses?.[0]?.state?.running !== undefined;
    return runs && pod.metadata.uid !== victim?.metadata.uid;
  });
  return before;
}

test('the pod of a Job gives way, and its Job ends well with each step done once', { skip }, async () => {
  await withFermata(async (ground) => {
    const [node = ''] = ground.nodes;
    const work = 'n=0; while [ $n -lt 150 ]; do n=$((n+1)); echo "n=$n ." >>/data/steps; sleep 0.2; done';
    const command = ['sh', '-c', work];
    await ground.controlled(JOBS, 'job', { priority: 'low', cpu: '1500m', node, command, restartPolicy: 'Never' });
    await interrupted(ground, 'job');
    const status = await ground.until('the Job is complete', async () => {
      const job = (await ground.store.get(JOBS, { namespace: ground.namespace, name: 'job' })) as KubeObject & {
        status?: { succeeded?: number; failed?: number };
      };
      return job.status?.succeeded === 1 || (job.status?.failed ?? 0) > 0 ? job.status : undefined;
    });
    assert.equal(status.failed ?? 0, 0, 'an interruption is no failure: its backoffLimit is 0');
    assert.deepEqual(
      await ground.steps('job'),
      Array.from({ length: 150 }, (_, index) => index + 1),
    );
  });
});

test('the pod of a StatefulSet gives way and comes back under its name', { skip }, async () => {
  await withFermata(async (ground) => {
    const [node = ''] = ground.nodes;
    await ground.controlled(STATEFUL_SETS, 'set', { priority: 'low', cpu: '1500m', node });
    const before = await interrupted(ground, 'set');
    assert.equal((await ground.podOf('set'))?.metadata.name, 'set-0');
    await countsOn(ground, 'set', before);
  });
});
