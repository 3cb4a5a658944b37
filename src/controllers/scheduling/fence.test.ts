import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { ApiError, isApiError, MemoryBacking, type ObjectStore, Registry } from '../../kubernetes/index.ts';
import { PODS, type Pod, SILENT_LOG } from '../../model/index.ts';
import { fencePods } from './fence.ts';
import { PodBinder } from './pod-binder.ts';

const { signal } = new AbortController();
let clock: VirtualClock;
let registry: Registry;

beforeEach(() => {
  clock = new VirtualClock();
  registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
});

function createPod(name: string, spec: Partial<Pod['spec']> = {}): Promise<Pod> {
  const containers = [{ name: 'main', image: 'i' }];
  const metadata = { namespace: 'default', name };
  return registry.create(PODS, { metadata, spec: { schedulerName: 'fermata', containers, ...spec } });
}

function fence(store: ObjectStore = registry, refusesLateBinds = true): Promise<void> {
  const concerns = (pod: Pod): boolean => pod.spec.schedulerName === 'fermata';
  return fencePods({ store, clock, log: SILENT_LOG }, { term: '7', concerns, refusesLateBinds, signal });
}

function refOf({ metadata }: Pod): { namespace: string; name: string; uid: string } {
  return { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid };
}

/** As a leader sends it that has seen `pod`. */
function lateBind(pod: Pod, node: string): Promise<void> {
  return registry.bind({ ...refOf(pod), resourceVersion: pod.metadata.resourceVersion }, node);
}

test('a bind that was sent before leadership changed, and arrives later, is refused', async () => {
  const pod = await createPod('p');
  await fence();
  await assert.rejects(lateBind(pod, 'n1'), (error) => isApiError(error, 'Conflict'));
  assert.equal((await registry.get(PODS, pod.metadata)).spec.nodeName, undefined);
});

test('a deletion of a victim that was sent before leadership changed, and arrives later, is refused', async () => {
  const { metadata } = await createPod('victim');
  await registry.bind(refOf(await registry.get(PODS, metadata)), 'n1');
  const conditions = [{ type: 'DisruptionTarget', status: 'True' as const, reason: 'PreemptionByScheduler' }];
  const marked = await registry.patch(PODS, metadata, { status: { conditions } }, { subresource: 'status' });
  await fence();
  const { uid, resourceVersion } = marked.metadata;
  await assert.rejects(registry.delete(PODS, metadata, { uid, resourceVersion }), (error) =>
    isApiError(error, 'Conflict'),
  );
});

test('pods that no late write could harm are not written to', async () => {
  const foreign = await createPod('foreign', { schedulerName: 'other' });
  const gated = await createPod('gated', { schedulingGates: [{ name: 'hold' }] });
  const bound = await createPod('bound');
  await registry.bind(refOf(bound), 'n1');
  const before = await registry.get(PODS, bound.metadata);
  await fence();
  for (const pod of [foreign, gated, before]) {
    const { resourceVersion } = (await registry.get(PODS, pod.metadata)).metadata;
    assert.equal(resourceVersion, pod.metadata.resourceVersion, pod.metadata.name);
  }
});

test('it is not done before every pod is written to, whatever the server does meanwhile', async () => {
  const pods = [await createPod('a'), await createPod('b')];
  let failures = 3;
  const store = new Proxy<ObjectStore>(registry, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property);
      if (property !== 'patch') return typeof value === 'function' ? value.bind(target) : value;
      return async (...given: unknown[]) => {
        if (failures-- > 0) throw new ApiError('ServiceUnavailable', 'no answer', { status: 0 });
        return Reflect.apply(value as () => unknown, target, given);
      };
    },
  });
  const fencing = fence(store);
  await clock.advance(10_000);
  await fencing;
  for (const pod of pods) await assert.rejects(lateBind(pod, 'n1'), (error) => isApiError(error, 'Conflict'));
});

test('where the server does not refuse late binds, they are waited for', async () => {
  const pod = await createPod('p');
  const began = clock.now();
  const fencing = fence(registry, false).then(() => clock.now() - began);
  await clock.advance(59_999);
  assert.equal((await registry.get(PODS, pod.metadata)).metadata.annotations, undefined);
  await clock.advance(1);
  assert.equal(await fencing, 60_000);
});

test('a pod that somebody wrote to meanwhile is bound as it is now', async () => {
  const seen = await createPod('p');
  await registry.patch(PODS, seen.metadata, { metadata: { labels: { changed: 'yes' } } });
  const refusal = await new PodBinder({ store: registry, clock }).bind(refOf(seen), 'n1', {
    seen,
    holdsRoom: async () => undefined,
    signal,
  });
  assert.equal(refusal, undefined);
  assert.equal((await registry.get(PODS, seen.metadata)).spec.nodeName, 'n1');
});

test('a pod that went elsewhere, was replaced, or whose room is held is not bound, and it is said why', async () => {
  const binder = new PodBinder({ store: registry, clock });
  const parts = { holdsRoom: async () => undefined, signal };
  const elsewhere = await createPod('elsewhere');
  await registry.bind(refOf(elsewhere), 'n2');
  assert.match(
    (await binder.bind(refOf(elsewhere), 'n1', { ...parts, seen: elsewhere })) ?? '',
    /assigned to node "n2"|Precondition/,
  );
  const replaced = await createPod('replaced');
  await registry.delete(PODS, replaced.metadata);
  assert.match((await binder.bind(refOf(replaced), 'n1', { ...parts, seen: replaced })) ?? '', /not found/);
  await createPod('replaced');
  assert.match((await binder.bind(refOf(replaced), 'n1', { ...parts, seen: replaced })) ?? '', /UID/);
  const held = { seen: undefined, holdsRoom: async () => 'not yet free', signal };
  assert.equal(await binder.bind(refOf(await createPod('held')), 'n1', held), 'not yet free');
});

test('a server that is too busy is left alone as long as it asks for', async () => {
  const pod = await createPod('p');
  const tries: number[] = [];
  const store = new Proxy<ObjectStore>(registry, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      if (property !== 'bind') return value.bind(target);
      return async (...given: unknown[]): Promise<unknown> => {
        tries.push(clock.now());
        if (tries.length > 2) return Reflect.apply(value, target, given);
        throw new ApiError('TooManyRequests', 'try again later', { details: { retryAfterSeconds: 3 } });
      };
    },
  });
  const parts = { seen: pod, holdsRoom: async () => undefined, signal };
  const binding = new PodBinder({ store, clock }).bind(refOf(pod), 'n1', parts);
  await clock.advance(10_000);
  assert.equal(await binding, undefined);
  const [first = 0] = tries;
  assert.deepEqual(
    tries.map((at) => at - first),
    [0, 3_000, 6_000],
  );
});
