import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { EventRecorder, MemoryBacking, type ObjectStore, Registry } from '../../kubernetes/index.ts';
import { conditionOf, PODS, type Pod, SILENT_LOG } from '../../model/index.ts';
import type { Decision } from '../../scheduling/index.ts';
import { DecisionExecutor } from './decision-executor.ts';

/** An executor whose status writes go through one by one, when told. */
async function scene() {
  const clock = new VirtualClock();
  const registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  const spec = { schedulerName: 'fermata', containers: [{ name: 'main', image: 'i' }] };
  const pod = await registry.create(PODS, { metadata: { namespace: 'default', name: 'p' }, spec });
  const statuses: string[] = [];
  const held: (() => void)[] = [];
  const patch: ObjectStore['patch'] = async (type, key, change, options) => {
    if (options?.subresource === 'status') await new Promise<void>((resolve) => held.push(resolve));
    const patched = await registry.patch(type, key, change, options);
    const status = conditionOf((patched as unknown as Pod).status?.conditions, 'PodScheduled');
    if (options?.subresource === 'status') statuses.push(status?.message ?? '');
    return patched;
  };
  const store = new Proxy<ObjectStore>(registry, {
    get: (target, property) => {
      const value: unknown = property === 'patch' ? patch : Reflect.get(target, property);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const parts = { store, clock, random: seededRandom(2), log: SILENT_LOG };
  const events = new EventRecorder({ ...parts, store: registry }, { component: 'test' });
  const executor = new DecisionExecutor(
    { ...parts, events },
    {
      checkpointsOf: () => [],
      checkpointOf: () => undefined,
      podOf: () => pod,
      onFailure: () => assert.fail('nothing may fail'),
      signal: new AbortController().signal,
    },
  );
  const letOneThrough = async (): Promise<void> => {
    await clock.advance(0);
    held.shift()?.();
    await clock.advance(0);
  };
  const unschedulable = (message: string, clearNomination = false): Decision => {
    const { uid, namespace = '', name } = pod.metadata;
    const explanation = { summary: message } as Extract<Decision, { type: 'Unschedulable' }>['explanation'];
    return { type: 'Unschedulable', pod: { uid, namespace, name }, message, clearNomination, explanation };
  };
  return { executor, statuses, held, letOneThrough, unschedulable };
}

test('of the reasons why a pod waits that pile up while one is written, only the last is written', async () => {
  const { executor, statuses, held, letOneThrough, unschedulable } = await scene();
  executor.execute(unschedulable('first'));
  await letOneThrough();
  assert.deepEqual(statuses, ['first']);
  executor.execute(unschedulable('second'));
  for (const message of ['third', 'fourth', 'fifth']) executor.execute(unschedulable(message));
  while (statuses.at(-1) !== 'fifth') await letOneThrough();
  await executor.idle();
  assert.deepEqual(statuses, ['first', 'fifth']);
  assert.equal(held.length, 0);
});

test('one that takes a nomination back is written even when a newer one waits', async () => {
  const { executor, statuses, letOneThrough, unschedulable } = await scene();
  executor.execute(unschedulable('no longer nominated', true));
  executor.execute(unschedulable('still no room'));
  while (statuses.at(-1) !== 'still no room') await letOneThrough();
  await executor.idle();
  assert.deepEqual(statuses, ['no longer nominated', 'still no room']);
});
