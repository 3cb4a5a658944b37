import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LEASES } from '../../src/model/index.ts';
import { counting, countsOn, sleeping } from './counting.ts';
import { type Installed, NODES_HERE, WHY_SKIPPED, withFermata } from './fermata-on-nodes.ts';

const skip = NODES_HERE === undefined ? WHY_SKIPPED : false;
/** Short, for a leader that is killed does not give its Lease back. */
const ELECTION = [
  '--leader-elect-lease-duration',
  '4s',
  '--leader-elect-renew-deadline',
  '3s',
  '--leader-elect-retry-period',
  '500ms',
];

async function term(ground: Installed, role: string): Promise<{ holder: string; transitions: number }> {
  const { spec } = await ground.store.get(LEASES, { namespace: ground.namespace, name: `fermata-${role}` });
  return { holder: spec?.holderIdentity ?? '', transitions: spec?.leaseTransitions ?? 0 };
}

for (const role of ['scheduler', 'controller'] as const) {
  test(`the ${role} that leads is killed in the middle of a dump, and the other one brings the interruption to its end`, {
    skip,
  }, async () => {
    await withFermata(async (ground) => {
      const [node = ''] = ground.nodes;
      const command = ['sh', '-c', 'exec /counter 256 >/data/steps'];
      await ground.pod('victim', { priority: 'low', cpu: '1500m', node, command });
      const victim = await ground.running('victim');
      await counting(ground, 'victim');
      const first = await term(ground, role);
      ground.second(role);
      await ground.pod('urgent', {
        priority: 'high',
        cpu: '1500m',
        node,
        command: sleeping(3),
        restartPolicy: 'Never',
      });
      await ground.ready('CheckpointInProgress');
      await ground.kill(role);
      await ground.running('urgent');
      const before = await ground.steps('victim');
      const back = await ground.running('victim', victim.uid);
      assert.equal(back.node, node);
      await countsOn(ground, 'victim', before);
      assert.equal((await ground.checkpoints()).length, 1, 'it was ordered once');
      const last = await term(ground, role);
      assert.ok(last.transitions > first.transitions);
      assert.notEqual(last.holder, first.holder);
    }, ELECTION);
  });
}
