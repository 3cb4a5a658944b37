import assert from 'node:assert/strict';
import { test } from 'node:test';
import { conditionOf, isConditionTrue } from '../../src/model/index.ts';
import { counting, countsOn, sleeping } from './counting.ts';
import { type Installed, NODES_HERE, WHY_NOT_RESTARTED, withFermata } from './fermata-on-nodes.ts';
import { isReleased } from './ground.ts';

const skip = NODES_HERE?.restart === undefined ? WHY_NOT_RESTARTED : false;

/** A victim that counts, and a preemptor that has just been created. */
async function interruption(ground: Installed, mebibytes: number): Promise<{ uid: string; node: string }> {
  const [node = ''] = ground.nodes;
  const command = ['sh', '-c', `exec /counter ${mebibytes} >/data/steps`];
  await ground.pod('victim', { priority: 'low', cpu: '1500m', node, command });
  const { uid } = await ground.running('victim');
  await counting(ground, 'victim');
  await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command: sleeping(3), restartPolicy: 'Never' });
  return { uid, node };
}

/** The next pod of the victim has its node, and is to be started there. */
async function comesBack(ground: Installed, not: string): Promise<void> {
  await ground.until('the next pod of the victim is bound', async () => {
    const pod = await ground.get('victim');
    return pod !== undefined && pod.metadata.uid !== not && pod.spec.nodeName !== undefined;
  });
}

test('an API server that is killed during the dump, and again during the restore, costs nobody anything', {
  skip,
}, async () => {
  await withFermata(async (ground) => {
    const { uid, node } = await interruption(ground, 256);
    await ground.ready('CheckpointInProgress');
    await ground.restart('apiserver', 'KILL');
    await ground.running('urgent');
    assert.ok((await ground.checkpoints()).every(isReleased));
    const before = await ground.steps('victim');
    await comesBack(ground, uid);
    await ground.restart('apiserver', 'KILL');
    const back = await ground.running('victim', uid);
    assert.equal(back.node, node);
    await countsOn(ground, 'victim', before);
    assert.equal((await ground.checkpoints()).length, 1);
  });
});

test('a containerd that is restarted before the dump, behind it, and before the restore costs nobody anything', {
  skip,
}, async () => {
  await withFermata(async (ground) => {
    const [first = ''] = ground.nodes;
    await ground.restart(`containerd-${first}`, 'TERM');
    const { uid, node } = await interruption(ground, 8);
    await ground.ready('CheckpointCompleted');
    await ground.restart(`containerd-${node}`, 'TERM');
    await ground.running('urgent');
    assert.ok((await ground.checkpoints()).every(isReleased));
    const before = await ground.steps('victim');
    await comesBack(ground, uid);
    await ground.restart(`containerd-${node}`, 'TERM');
    await ground.running('victim', uid);
    await countsOn(ground, 'victim', before);
  });
});

/** containerd 2.1 forgets a container of which it was killed while dumping it; the kubelet starts it again from its image. */
test('a containerd killed in the middle of a dump: no half checkpoint is taken for a whole one, and nobody is bound too early', {
  skip,
}, async () => {
  await withFermata(async (ground) => {
    const { node } = await interruption(ground, 256);
    await ground.ready('CheckpointInProgress');
    await ground.restart(`containerd-${node}`, 'KILL');
    const [dumped] = await ground.until('the dump has an end', async () => {
      const all = await ground.checkpoints();
      const reasons = all.map(({ status }) => conditionOf(status?.conditions, 'Ready')?.reason);
      return reasons.every((reason) => reason !== undefined && reason !== 'CheckpointInProgress') ? all : undefined;
    });
    if (!isConditionTrue(dumped?.status?.conditions, 'Ready')) {
      assert.equal((await ground.get('urgent'))?.spec.nodeName, undefined, 'its room is not free');
    }
    // Whether from its image or from a dump: one victim runs in the end, whose steps are each done once, and the preemptor ran.
    await ground.until(
      'the preemptor has run',
      async () => (await ground.get('urgent'))?.status?.phase === 'Succeeded',
    );
    const last = (await ground.checkpoints())
      .filter(({ status }) => isConditionTrue(status?.conditions, 'Ready'))
      .at(-1);
    assert.ok(last !== undefined && isReleased(last), 'it was bound to room that was confirmed free');
    const before = await ground.steps('victim');
    await ground.running('victim', last.spec.sourcePod.uid);
    await countsOn(ground, 'victim', before);
  });
});
