import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INTERRUPTION_POLICIES, isConditionTrue, RESTORED_CONDITION } from '../../src/model/index.ts';
import { counting, countsOn, sleeping } from './counting.ts';
import { NODES_HERE, WHY_SKIPPED, withFermata } from './fermata-on-nodes.ts';
import { isReleased } from './ground.ts';

const skip = NODES_HERE === undefined ? WHY_SKIPPED : false;

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
      await ground.pod('urgent', {
        priority: 'high',
        cpu: '1500m',
        node,
        command: sleeping(3),
        restartPolicy: 'Never',
      });
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
    await ground.pod('urgent', {
      priority: 'high',
      cpu: '1500m',
      node,
      command: sleeping(600),
      restartPolicy: 'Never',
    });
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
      command: sleeping(3),
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
    await ground.pod('urgent', { priority: 'high', cpu: '1800m', node, command: sleeping(3), restartPolicy: 'Never' });
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

test('a restored container that crashes starts from its image where its policy says so', { skip }, async () => {
  await withFermata(async (ground) => {
    const { store, namespace } = ground;
    const [node = ''] = ground.nodes;
    await store.create(INTERRUPTION_POLICIES, {
      metadata: { namespace, name: 'service' },
      spec: { restartFrom: 'Image' },
    });
    const work = 'n=0; until [ -e /data/crash ]; do n=$((n+1)); echo "n=$n ." >>/data/steps; sleep 0.2; done';
    const command = ['sh', '-c', `${work}; mv /data/crash /data/crashed; exit 1`];
    await ground.pod('victim', { priority: 'low', cpu: '1500m', node, command });
    const { uid } = await ground.running('victim');
    await counting(ground, 'victim');
    const { image } = (await ground.get('victim'))?.spec.containers[0] ?? {};
    await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: sleeping(3), restartPolicy: 'Never' });
    await ground.running('urgent');
    const before = (await ground.steps('victim')).length;
    await ground.running('victim', uid);
    await ground.until('it has gone on', async () => (await ground.steps('victim')).length > before + 3);
    await ground.until('it is known to be back', async () =>
      isConditionTrue((await ground.get('victim'))?.status?.conditions, RESTORED_CONDITION),
    );
    await ground.touch('victim', 'crash');
    await ground.until(
      'it begins anew',
      async () => (await ground.steps('victim')).filter((n) => n === 1).length === 2,
    );
    const steps = await ground.steps('victim');
    const again = steps.lastIndexOf(1);
    assert.deepEqual(
      steps.slice(0, again),
      Array.from({ length: again }, (_, index) => index + 1),
    );
    assert.equal((await ground.get('victim'))?.spec.containers[0]?.image, image);
  });
});
