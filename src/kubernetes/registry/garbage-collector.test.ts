import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { CONFIG_MAPS, type ConfigMap, type OwnerReference, PODS } from '../../model/index.ts';
import { MemoryBacking } from './memory-backing.ts';
import { Registry } from './registry.ts';

const NAMESPACE = 'default';
const key = (name: string) => ({ namespace: NAMESPACE, name });

function cluster(): Registry {
  return new Registry({ backing: new MemoryBacking(), clock: new VirtualClock(), random: seededRandom(1) });
}

function ownedBy(owner: ConfigMap, blockOwnerDeletion = false): OwnerReference {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    blockOwnerDeletion,
  };
}

function configMap(registry: Registry, name: string, ...ownerReferences: OwnerReference[]): Promise<ConfigMap> {
  const finalizers = name.startsWith('held') ? ['example.com/hold'] : [];
  return registry.create(CONFIG_MAPS, { metadata: { ...key(name), ownerReferences, finalizers } });
}

async function names(registry: Registry): Promise<string[]> {
  return (await registry.list(CONFIG_MAPS)).items.map(({ metadata }) => metadata.name);
}

test('dependents of dependents go, too', async () => {
  const registry = cluster();
  const grandparent = await configMap(registry, 'grandparent');
  const parent = await configMap(registry, 'parent', ownedBy(grandparent));
  await configMap(registry, 'child', ownedBy(parent));
  await registry.delete(CONFIG_MAPS, key('grandparent'));
  assert.deepEqual(await names(registry), []);
});

test('an object that still has an owner stays, without the name of the one that went', async () => {
  const registry = cluster();
  const [one, two] = [await configMap(registry, 'one'), await configMap(registry, 'two')];
  await configMap(registry, 'child', ownedBy(one), ownedBy(two));
  await registry.delete(CONFIG_MAPS, key('one'));
  const child = await registry.get(CONFIG_MAPS, key('child'));
  assert.deepEqual(child.metadata.ownerReferences, [ownedBy(two)]);
});

test('an object made for an owner that is gone already goes at once; one of an unknown kind is left alone', async () => {
  const registry = cluster();
  const owner = await configMap(registry, 'owner');
  await registry.delete(CONFIG_MAPS, key('owner'));
  await configMap(registry, 'late', ownedBy(owner));
  await configMap(registry, 'foreign', { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'u' });
  assert.deepEqual(await names(registry), ['foreign']);
});

test('an owner in another namespace does not count', async () => {
  const registry = cluster();
  const owner = await registry.create(CONFIG_MAPS, { metadata: { namespace: 'kube-public', name: 'owner' } });
  await configMap(registry, 'stranger', ownedBy(owner));
  assert.deepEqual(await names(registry), ['owner']);
});

test('with Orphan the dependents stay, without an owner', async () => {
  const registry = cluster();
  const owner = await configMap(registry, 'owner');
  await configMap(registry, 'child', ownedBy(owner));
  await registry.delete(CONFIG_MAPS, key('owner'), { propagationPolicy: 'Orphan' });
  assert.deepEqual(await names(registry), ['child']);
  assert.equal((await registry.get(CONFIG_MAPS, key('child'))).metadata.ownerReferences, undefined);
});

test('with Foreground the owner goes after the dependents that block it', async () => {
  const registry = cluster();
  const owner = await configMap(registry, 'owner');
  await configMap(registry, 'held', ownedBy(owner, true));
  await configMap(registry, 'free', ownedBy(owner, true));
  const marked = await registry.delete(CONFIG_MAPS, key('owner'), { propagationPolicy: 'Foreground' });
  assert.deepEqual(marked.metadata.finalizers, ['foregroundDeletion']);
  assert.deepEqual(await names(registry), ['held', 'owner']);
  await registry.patch(CONFIG_MAPS, key('held'), { metadata: { finalizers: null } });
  assert.deepEqual(await names(registry), []);
});

test('with Foreground an owner without dependents goes at once', async () => {
  const registry = cluster();
  await configMap(registry, 'owner');
  await registry.delete(CONFIG_MAPS, key('owner'), { propagationPolicy: 'Foreground' });
  assert.deepEqual(await names(registry), []);
});

test('a running pod whose owner went gets its grace period', async () => {
  const registry = cluster();
  const owner = await configMap(registry, 'owner');
  const metadata = { ...key('p'), ownerReferences: [ownedBy(owner)] };
  const { uid } = (await registry.create(PODS, { metadata, spec: { containers: [{ name: 'c', image: 'i' }] } }))
    .metadata;
  await registry.bind({ ...key('p'), uid }, 'node-a');
  await registry.delete(CONFIG_MAPS, key('owner'));
  assert.equal((await registry.get(PODS, key('p'))).metadata.deletionGracePeriodSeconds, 30);
});
