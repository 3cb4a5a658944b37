import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf } from '../../src/model/index.ts';
import { counting, countsOn, sleeping } from './counting.ts';
import { NODES_HERE, WHY_NOT_RESTARTED, WHY_SKIPPED, withFermata } from './fermata-on-nodes.ts';

const skip = NODES_HERE === undefined ? WHY_SKIPPED : false;

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
    await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: sleeping(3), restartPolicy: 'Never' });
    const failed = await ground.ready('CheckpointFailed');
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
    await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: sleeping(3), restartPolicy: 'Never' });
    await ground.ready('CheckpointInProgress');
    await ground.killAgent(node);
    await ground.running('urgent');
    const before = await ground.steps('victim');
    const back = await ground.running('victim', victim.uid);
    assert.equal(back.node, node);
    await countsOn(ground, 'victim', before);
  });
});

const RESTART = NODES_HERE?.restart === undefined ? WHY_NOT_RESTARTED : false;

test('a kubelet killed in the middle of a dump costs its victim nothing', { skip: RESTART }, async () => {
  await withFermata(async (ground) => {
    const [node = ''] = ground.nodes;
    const command = ['sh', '-c', 'exec /counter 256 >/data/steps'];
    await ground.pod('victim', { priority: 'low', cpu: '1500m', node, command });
    const victim = await ground.running('victim');
    await counting(ground, 'victim');
    await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: sleeping(3), restartPolicy: 'Never' });
    await ground.ready('CheckpointInProgress');
    await ground.restart(`kubelet-${node}`, 'KILL');
    await ground.running('urgent');
    const before = await ground.steps('victim');
    const back = await ground.running('victim', victim.uid);
    assert.equal(back.node, node);
    await countsOn(ground, 'victim', before);
  });
});
