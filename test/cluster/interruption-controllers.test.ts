import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JOBS, type KubeObject, STATEFUL_SETS } from '../../src/model/index.ts';
import { counting, countsOn, sleeping } from './counting.ts';
import { NODES_HERE, WHY_SKIPPED, withFermata } from './fermata-on-nodes.ts';
import type { Ground } from './ground.ts';

const skip = NODES_HERE === undefined ? WHY_SKIPPED : false;

/** Where the pod goes on: there is room on the other node only if it is to move. */
const PLACES = [
  { where: 'its own', moves: false },
  { where: 'the other', moves: true },
];

/** The one pod of that controller runs on the first node, and nothing but room keeps it there. */
async function startedOnFirst(ground: Ground, name: string, start: () => Promise<unknown>): Promise<void> {
  const [, other = ''] = ground.nodes;
  await ground.cordon(other, true);
  await start();
  await counting(ground, name);
}

/** `urgent` takes the room of the one pod of that controller, for a while or for good; gives what it had done before. */
async function interrupted(ground: Ground, name: string, moves: boolean): Promise<number[]> {
  const [node = '', other = ''] = ground.nodes;
  const victim = await ground.podOf(name);
  if (moves) await ground.cordon(other, false);
  const command = sleeping(moves ? 600 : 3);
  await ground.pod('urgent', { priority: 'high', cpu: '1500m', node, command, restartPolicy: 'Never' });
  await ground.running('urgent');
  const before = await ground.steps(name);
  const next = await ground.until(`the next pod of ${name} runs`, async () => {
    const pod = await ground.podOf(name);
    const runs = pod?.status?.containerStatuses?.[0]?.state?.running !== undefined;
    return runs && pod.metadata.uid !== victim?.metadata.uid ? pod : undefined;
  });
  assert.equal(next.spec.nodeName, moves ? other : node);
  return before;
}

for (const { where, moves } of PLACES) {
  test(`the pod of a Job gives way, goes on on ${where} node, and its Job ends well with each step done once`, {
    skip,
  }, async () => {
    await withFermata(async (ground) => {
      const work = 'n=0; while [ $n -lt 150 ]; do n=$((n+1)); echo "n=$n ." >>/data/steps; sleep 0.2; done';
      const command = ['sh', '-c', work];
      await startedOnFirst(ground, 'job', () =>
        ground.controlled(JOBS, 'job', { priority: 'low', cpu: '1500m', command, restartPolicy: 'Never' }),
      );
      await interrupted(ground, 'job', moves);
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

  test(`the pod of a StatefulSet gives way and comes back under its name on ${where} node`, { skip }, async () => {
    await withFermata(async (ground) => {
      await startedOnFirst(ground, 'set', () =>
        ground.controlled(STATEFUL_SETS, 'set', { priority: 'low', cpu: '1500m' }),
      );
      const before = await interrupted(ground, 'set', moves);
      assert.equal((await ground.podOf('set'))?.metadata.name, 'set-0');
      await countsOn(ground, 'set', before);
    });
  });
}
