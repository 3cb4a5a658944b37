import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { conditionOf, POD_DISRUPTION_BUDGETS, PODS, type PodDisruptionBudget } from '../../model/index.ts';
import { isApiError } from '../api-error.ts';
import { MemoryBacking } from './memory-backing.ts';
import { Registry } from './registry.ts';

const NAMESPACE = 'default';
const key = (name: string) => ({ namespace: NAMESPACE, name });

function cluster(): Registry {
  return new Registry({ backing: new MemoryBacking(), clock: new VirtualClock(), random: seededRandom(1) });
}

async function runningPod(registry: Registry, name: string, ready = true): Promise<void> {
  const { metadata } = await registry.create(PODS, {
    metadata: { ...key(name), labels: { app: 'web' } },
    spec: { containers: [{ name: 'main', image: 'i' }] },
  });
  await registry.bind({ ...key(name), uid: metadata.uid }, 'node-a');
  await setReady(registry, name, ready);
}

async function setReady(registry: Registry, name: string, ready: boolean): Promise<void> {
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
  await registry.patch(PODS, key(name), { status: { phase: 'Running', conditions } }, { subresource: 'status' });
}

async function budget(
  registry: Registry,
  spec: NonNullable<PodDisruptionBudget['spec']>,
  name = 'budget',
): Promise<void> {
  await registry.create(POD_DISRUPTION_BUDGETS, {
    metadata: key(name),
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  });
}

async function numbers(registry: Registry): Promise<number[]> {
  const { status } = await registry.get(POD_DISRUPTION_BUDGETS, key('budget'));
  return [status?.expectedPods, status?.currentHealthy, status?.desiredHealthy, status?.disruptionsAllowed].map(
    (value) => value ?? Number.NaN,
  );
}

const WANTED: Record<string, { spec: NonNullable<PodDisruptionBudget['spec']>; numbers: number[] }> = {
  'a minimum as a number': { spec: { minAvailable: 3 }, numbers: [4, 4, 3, 1] },
  'a minimum as a share is rounded up': { spec: { minAvailable: '30%' }, numbers: [4, 4, 2, 2] },
  'a maximum as a number': { spec: { maxUnavailable: 1 }, numbers: [4, 4, 3, 1] },
  'a maximum as a share is rounded up': { spec: { maxUnavailable: '30%' }, numbers: [4, 4, 2, 2] },
  'a maximum of all': { spec: { maxUnavailable: '100%' }, numbers: [4, 4, 0, 4] },
};

for (const [sentence, { spec, numbers: wanted }] of Object.entries(WANTED)) {
  test(`${sentence} gives the numbers of a disruption budget`, async () => {
    const registry = cluster();
    for (const name of ['a', 'b', 'c', 'd']) await runningPod(registry, name);
    await budget(registry, spec);
    assert.deepEqual(await numbers(registry), wanted);
  });
}

test('the numbers follow pods as they come, become ready, begin to go and go', async () => {
  const registry = cluster();
  await budget(registry, { minAvailable: 1 });
  assert.deepEqual(await numbers(registry), [0, 0, 1, 0]);
  await runningPod(registry, 'a', false);
  assert.deepEqual(await numbers(registry), [1, 0, 1, 0]);
  await setReady(registry, 'a', true);
  await runningPod(registry, 'b');
  assert.deepEqual(await numbers(registry), [2, 2, 1, 1]);
  const { status } = await registry.get(POD_DISRUPTION_BUDGETS, key('budget'));
  assert.equal(conditionOf(status?.conditions, 'DisruptionAllowed')?.reason, 'SufficientPods');
  await registry.delete(PODS, key('b'));
  assert.deepEqual(await numbers(registry), [2, 1, 1, 0]);
  await registry.delete(PODS, key('b'), { gracePeriodSeconds: 0 });
  assert.deepEqual(await numbers(registry), [1, 1, 1, 0]);
  await registry.patch(PODS, key('a'), { metadata: { labels: { app: 'other' } } });
  assert.deepEqual(await numbers(registry), [0, 0, 1, 0]);
  await registry.patch(PODS, key('a'), { metadata: { labels: { app: 'web' } } });
  await registry.patch(POD_DISRUPTION_BUDGETS, key('budget'), { spec: { minAvailable: 0 } });
  assert.deepEqual(await numbers(registry), [1, 1, 0, 1]);
});

test('a change that moves no number writes no budget', async () => {
  const registry = cluster();
  await runningPod(registry, 'a');
  await budget(registry, { minAvailable: 1 });
  const { resourceVersion } = (await registry.get(POD_DISRUPTION_BUDGETS, key('budget'))).metadata;
  await registry.patch(PODS, key('a'), { status: { message: 'm' } }, { subresource: 'status' });
  const after = await registry.get(POD_DISRUPTION_BUDGETS, key('budget'));
  assert.equal(after.metadata.resourceVersion, resourceVersion);
});

test('an eviction is refused while the budget has no room, in the words clients know', async () => {
  const registry = cluster();
  for (const name of ['a', 'b']) await runningPod(registry, name);
  await budget(registry, { minAvailable: 1 });
  const evicted = await registry.evict(key('a'));
  assert.notEqual(evicted.metadata.deletionTimestamp, undefined);
  const mark = evicted.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  assert.equal(mark?.reason, 'EvictionByEvictionAPI', 'it is told from a pod that its owner deleted');
  await assert.rejects(registry.evict(key('b')), (error) => {
    assert.ok(isApiError(error, 'TooManyRequests'));
    assert.equal(error.message, "Cannot evict pod as it would violate the pod's disruption budget.");
    assert.equal(error.details?.retryAfterSeconds, 10);
    assert.equal(
      error.details?.causes?.[0]?.message,
      'The disruption budget budget needs 1 healthy pods and has 1 currently',
    );
    return true;
  });
  assert.equal((await registry.get(PODS, key('b'))).metadata.deletionTimestamp, undefined);
});

test('pods that are not running, or under no budget, are evicted whatever the numbers', async () => {
  const registry = cluster();
  await budget(registry, { minAvailable: 5 });
  await registry.create(PODS, {
    metadata: { ...key('pending'), labels: { app: 'web' } },
    spec: { containers: [{ name: 'main', image: 'i' }] },
  });
  await registry.evict(key('pending'));
  await runningPod(registry, 'other');
  await registry.patch(PODS, key('other'), { metadata: { labels: { app: 'other' } } });
  await registry.evict(key('other'));
});

test('a pod under two budgets cannot be evicted', async () => {
  const registry = cluster();
  await runningPod(registry, 'a');
  await budget(registry, { minAvailable: 0 });
  await budget(registry, { minAvailable: 0 }, 'second');
  await assert.rejects(registry.evict(key('a')), /more than one PodDisruptionBudget/);
});
