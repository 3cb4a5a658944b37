import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Draft, type KubeObject, POD_DISRUPTION_BUDGETS, type ResourceType } from '../../src/model/index.ts';
import { counting, countsOn, sleeping } from './counting.ts';
import { NODES_HERE, WHY_SKIPPED, withFermata } from './fermata-on-nodes.ts';

const skip = NODES_HERE === undefined ? WHY_SKIPPED : false;

test('of two victims the one is taken whose disruption budget is not violated by it', { skip }, async () => {
  await withFermata(async (ground) => {
    const { store, namespace } = ground;
    const [node = ''] = ground.nodes;
    const { minor } = await store.version();
    // policy/v1 came with 1.21.
    const type = { ...POD_DISRUPTION_BUDGETS, version: minor < 21 ? 'v1beta1' : 'v1' } as ResourceType<KubeObject>;
    const spec = { minAvailable: 1, selector: { matchLabels: { app: 'guarded' } } };
    await store.create(type, { metadata: { namespace, name: 'guard' }, spec } as Draft<KubeObject>);
    // Without a budget the one that started last is taken.
    await ground.pod('free', { priority: 'low', cpu: '800m', node });
    await counting(ground, 'free');
    await ground.pod('guarded', { priority: 'low', cpu: '800m', node, labels: { app: 'guarded' } });
    const guarded = await ground.running('guarded');
    await counting(ground, 'guarded');
    await ground.until('the budget is counted', async () => {
      const budget = (await store.get(type, { namespace, name: 'guard' })) as KubeObject & {
        status?: { currentHealthy?: number; disruptionsAllowed?: number };
      };
      return budget.status?.currentHealthy === 1 && budget.status.disruptionsAllowed === 0;
    });
    await ground.pod('urgent', { priority: 'high', cpu: '900m', node, command: sleeping(3), restartPolicy: 'Never' });
    await ground.running('urgent');
    const before = await ground.steps('free');
    assert.deepEqual(
      (await ground.checkpoints()).map(({ spec: { sourcePod } }) => sourcePod.name),
      ['free'],
    );
    await countsOn(ground, 'guarded', await ground.steps('guarded'));
    assert.equal((await ground.running('guarded')).uid, guarded.uid);
    await countsOn(ground, 'free', before);
  });
});
