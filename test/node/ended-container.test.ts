import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Draft, POD_CHECKPOINTS, PODS, type Pod, RESTORE_FROM_ANNOTATION } from '../../src/model/index.ts';
import { counting, NodeWorld, STEPS, stopping } from './node-world.ts';
import type { DeathPlan } from './process-death.ts';

/** Steps so short that whoever is killed for a moment does some twice. */
const COUNT = 400;

type RestartPolicy = 'Never' | 'OnFailure';

/** Beside the container that counts, one that the kernel killed after its second step, as it does when memory runs out. */
function withKilledSibling(restartPolicy: RestartPolicy, options: Parameters<typeof counting>[1]): Draft<Pod> {
  const draft = counting('p', { cpu: '500m', steps: COUNT, stepMilliseconds: 5, ...options });
  const [main] = draft.spec.containers;
  assert.ok(main !== undefined);
  const environment = { FERMATA_STEPS: '2', FERMATA_STEP_MILLISECONDS: '100', FERMATA_EXIT_CODE: '137' };
  const env = Object.entries(environment).map(([name, value]) => ({ name, value }));
  return { ...draft, spec: { ...draft.spec, restartPolicy, containers: [main, { ...main, name: 'side', env }] } };
}

/** The pod is suspended on n2 while its sibling container lies killed, and is to go on on n1. */
async function restoring(restartPolicy: RestartPolicy, deaths: readonly DeathPlan[] = []): Promise<NodeWorld> {
  const world = new NodeWorld({ nodes: ['n1', 'n2'], deaths });
  const pod = await world.store.create(PODS, withKilledSibling(restartPolicy, { nodeName: 'n2' }));
  // Restarted once at once, then it has to wait.
  await world.until(async () => {
    const side = (await world.pod('p'))?.status?.containerStatuses?.find(({ name }) => name === 'side');
    const { state, restartCount } = side ?? {};
    if (restartPolicy === 'Never') return state?.terminated?.exitCode === 137;
    return restartCount === 1 && state?.waiting?.reason === 'CrashLoopBackOff';
  });
  await world.store.create(POD_CHECKPOINTS, stopping(pod));
  await world.until(() => world.isTrue('c1', 'Ready'));
  await world.store.delete(PODS, { namespace: 'default', name: 'p' }, { gracePeriodSeconds: 1 });
  await world.until(() => world.isTrue('c1', 'Released'));
  const annotations = { [RESTORE_FROM_ANNOTATION]: 'c1' };
  await world.store.create(PODS, withKilledSibling(restartPolicy, { nodeName: 'n1', annotations }));
  return world;
}

async function assertCountedOnce(world: NodeWorld): Promise<void> {
  await world.until(async () => {
    const main = (await world.pod('p'))?.status?.containerStatuses?.find(({ name }) => name === 'main');
    return main?.state?.terminated?.exitCode === 0;
  });
  assert.deepEqual(world.outputs.steps('/shared/p', world.clock.now()), STEPS(COUNT));
  await world.until(() => world.isTrue('c1', 'Restored'));
}

for (const when of ['before', 'during', 'after'] as const) {
  test(`beside a container that was killed before the dump, no step is lost or doubled: node killed ${when} any call`, async () => {
    const undisturbed = await restoring('Never');
    const begin = undisturbed.calls.length;
    await assertCountedOnce(undisturbed);
    await undisturbed.until(async () => (await undisturbed.phase('p')) === 'Failed');
    const end = undisturbed.calls.length;
    await undisturbed.stop();
    for (let call = begin + 1; call <= end; call++) {
      const world = await restoring('Never', [{ call, when }]);
      try {
        await assertCountedOnce(world);
        assert.equal(world.nodes[0]?.lives.length, 2);
      } catch (error) {
        throw new Error(`killed ${when} call ${call} (${world.calls.at(-1)})`, { cause: error });
      }
      await world.stop();
    }
  });
}

test('a container that had failed before the dump starts anew beside those that were restored', async () => {
  const world = await restoring('OnFailure');
  await assertCountedOnce(world);
  const side = (await world.pod('p'))?.status?.containerStatuses?.find(({ name }) => name === 'side');
  assert.ok((side?.restartCount ?? 0) > 0, 'it was not started again');
  assert.deepEqual(await world.events('Restoring').then((events) => events.map(({ count }) => count ?? 1)), [1]);
  await world.stop();
});
