import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import {
  CONFIG_MAPS,
  type ConfigMap,
  EVENTS,
  type KubeEvent,
  NAMESPACES,
  PODS,
  type Pod,
  PRIORITY_CLASSES,
  SERVICE_ACCOUNTS,
} from '../../model/index.ts';
import { type ApiReason, isApiError, type WatchEvent } from '../index.ts';
import { storeCompliance } from '../testing.ts';
import type { HistoryLimits } from './ledger.ts';
import { MemoryBacking } from './memory-backing.ts';
import { Registry } from './registry.ts';

storeCompliance('the registry in memory', async () => {
  const { registry } = cluster();
  return { store: registry, cleanup: async () => registry.close() };
});

function cluster(history?: Partial<HistoryLimits>, backing = new MemoryBacking(), clock = new VirtualClock()) {
  const options = history === undefined ? {} : { history };
  return { registry: new Registry({ backing, clock, random: seededRandom(1) }, options), backing, clock };
}

const NAMESPACE = 'default';
const key = (name: string) => ({ namespace: NAMESPACE, name });

function configMap(registry: Registry, name: string, rest: Partial<ConfigMap['metadata']> = {}): Promise<ConfigMap> {
  return registry.create(CONFIG_MAPS, { metadata: { ...rest, namespace: NAMESPACE, name } });
}

function podDraft(name: string, spec: Partial<Pod['spec']> = {}) {
  return { metadata: key(name), spec: { containers: [{ name: 'main', image: 'i' }], ...spec } };
}

async function refused(reason: ApiReason, call: Promise<unknown>, message?: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(isApiError(error, reason), String(error));
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}

test('a new cluster has the namespaces, service accounts and priority classes that every cluster has', async () => {
  const { registry } = cluster();
  const namespaces = (await registry.list(NAMESPACES)).items.map(({ metadata }) => metadata.name);
  assert.deepEqual(namespaces, ['default', 'fermata-system', 'kube-node-lease', 'kube-public', 'kube-system']);
  assert.equal((await registry.list(SERVICE_ACCOUNTS)).items.length, namespaces.length);
  const classes = (await registry.list(PRIORITY_CLASSES)).items.map(({ value }) => value);
  assert.deepEqual(classes, [2_000_000_000, 2_000_001_000]);
  await refused('Forbidden', registry.delete(NAMESPACES, { name: 'default' }), /this namespace may not be deleted/);
});

test('a registry over the same backing finds every object, version and watchable change', async () => {
  const { registry, backing, clock } = cluster();
  const first = await configMap(registry, 'a');
  await configMap(registry, 'b');
  await registry.delete(CONFIG_MAPS, key('b'));
  const before = registry.resourceVersion;
  registry.close();
  const again = cluster(undefined, backing, clock).registry;
  assert.equal(again.resourceVersion, before, 'coming back writes nothing');
  assert.deepEqual(await again.get(CONFIG_MAPS, key('a')), first);
  const { resourceVersion } = first.metadata;
  const events = again.watch(CONFIG_MAPS, { resourceVersion, namespace: NAMESPACE })[Symbol.asyncIterator]();
  assert.equal((await events.next()).value?.type, 'ADDED');
  const gone = (await events.next()).value as WatchEvent<ConfigMap>;
  assert.equal(gone.type, 'DELETED');
  const next = await configMap(again, 'c');
  assert.equal(Number(next.metadata.resourceVersion), Number(before) + 1);
});

test('what a deletion began goes on after a restart', async () => {
  const { registry, backing, clock } = cluster();
  await registry.create(NAMESPACES, { metadata: { name: 'going' } });
  const metadata = { namespace: 'going', name: 'held', finalizers: ['example.com/hold'] };
  await registry.create(CONFIG_MAPS, { metadata });
  await registry.delete(NAMESPACES, { name: 'going' });
  registry.close();
  const again = cluster(undefined, backing, clock).registry;
  await again.patch(CONFIG_MAPS, metadata, { metadata: { finalizers: null } });
  await refused('NotFound', again.get(NAMESPACES, { name: 'going' }));
});

test('objects handed out are frozen, and share the parts that did not change', async () => {
  const { registry } = cluster();
  const draft = { metadata: { ...key('a'), labels: { l: '1' } }, data: { x: '1' } };
  const first = await registry.create(CONFIG_MAPS, draft);
  assert.equal(Object.isFrozen(draft.data), false, 'what a caller gave stays the caller’s');
  assert.throws(() => {
    (first.data as Record<string, string>).x = '2';
  }, TypeError);
  const second = await registry.patch(CONFIG_MAPS, key('a'), { metadata: { annotations: { n: '1' } } });
  assert.equal(second.data, first.data);
  assert.equal(second.metadata.labels, first.metadata.labels);
});

test('a dry run says what would be, and stores nothing', async () => {
  const { registry } = cluster();
  await configMap(registry, 'a');
  const before = registry.resourceVersion;
  const dryRun = true;
  const created = await registry.create(CONFIG_MAPS, { metadata: key('b'), data: { x: '1' } }, { dryRun });
  assert.deepEqual(created.data, { x: '1' });
  await refused('AlreadyExists', registry.create(CONFIG_MAPS, { metadata: key('a') }, { dryRun }));
  assert.deepEqual((await registry.patch(CONFIG_MAPS, key('a'), { data: { y: '1' } }, { dryRun })).data, { y: '1' });
  await registry.delete(CONFIG_MAPS, key('a'), { dryRun });
  assert.equal(registry.resourceVersion, before);
});

test('unknown fields are refused, warned of or ignored, as asked', async () => {
  const { registry } = cluster();
  const draft = podDraft('p');
  const odd = { ...draft, spec: { ...draft.spec, contaners: [] } };
  await refused(
    'BadRequest',
    registry.create(PODS, odd, { fieldValidation: 'Strict' }),
    /^Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.contaners"$/,
  );
  const warnings: string[] = [];
  const created = await registry.create(PODS, odd, { fieldValidation: 'Warn', warn: (text) => warnings.push(text) });
  assert.deepEqual(warnings, ['unknown field "spec.contaners"']);
  assert.equal('contaners' in created.spec, false);
});

test('update reads and writes in one step, and lets its caller refuse', async () => {
  const { registry } = cluster();
  const { metadata } = await configMap(registry, 'a');
  const updated = await registry.update(CONFIG_MAPS, key('a'), (current) => ({ ...current, data: { x: '1' } }));
  assert.deepEqual(updated.data, { x: '1' });
  const refusal = new Error('not like this');
  const throws = (): never => {
    throw refusal;
  };
  await assert.rejects(registry.update(CONFIG_MAPS, key('a'), throws), refusal);
  const stale = (current: ConfigMap): ConfigMap => ({ ...current, metadata, data: { x: '2' } });
  await refused('Conflict', registry.update(CONFIG_MAPS, key('a'), stale));
});

test('the generation counts what was asked for, not what was reported', async () => {
  const { registry } = cluster();
  const created = await registry.create(PODS, podDraft('p'));
  assert.equal(created.metadata.generation, 1);
  const reported = await registry.patch(PODS, key('p'), { status: { message: 'm' } }, { subresource: 'status' });
  assert.equal(reported.metadata.generation, 1);
  const asked = await registry.patch(PODS, key('p'), { spec: { activeDeadlineSeconds: 60 } });
  assert.equal(asked.metadata.generation, 2);
});

test('subscribers see every committed change, with the object before it', async () => {
  const { registry } = cluster();
  const seen: string[] = [];
  const end = registry.subscribe(({ type, collection, key: at, previous }) =>
    seen.push(`${type} ${collection} ${at}${previous === undefined ? '' : ' after another'}`),
  );
  await configMap(registry, 'a');
  await registry.delete(CONFIG_MAPS, key('a'));
  end();
  await configMap(registry, 'b');
  assert.deepEqual(seen, ['ADDED /configmaps default/a', 'DELETED /configmaps default/a after another']);
});

test('a watch, a list or a page from before the history that is kept is Expired', async () => {
  const { registry } = cluster({ minimumChanges: 2, milliseconds: 0 });
  const { resourceVersion } = (await configMap(registry, 'a')).metadata;
  for (const name of ['b', 'c']) await configMap(registry, name);
  const page = await registry.list(CONFIG_MAPS, { limit: 1 });
  for (const name of ['d', 'e', 'f']) await configMap(registry, name);
  const watch = registry.watch(CONFIG_MAPS, { resourceVersion })[Symbol.asyncIterator]();
  await refused('Expired', watch.next(), /too old resource version/);
  await refused(
    'Expired',
    registry.list(CONFIG_MAPS, { limit: 1, continue: page.continue ?? '' }),
    /continue parameter is too old/,
  );
  await refused('Expired', registry.list(CONFIG_MAPS, { resourceVersion, resourceVersionMatch: 'Exact' }));
});

test('history is kept for five minutes, and for ten thousand changes whatever their age', async () => {
  const { registry, clock } = cluster({ minimumChanges: 3 });
  const { resourceVersion } = (await configMap(registry, 'a')).metadata;
  for (let index = 0; index < 10; index++) await configMap(registry, `b${index}`);
  const firstEvent = () => registry.watch(CONFIG_MAPS, { resourceVersion })[Symbol.asyncIterator]().next();
  assert.equal((await firstEvent()).done, false);
  await clock.advance(300_000);
  await configMap(registry, 'later');
  await refused('Expired', firstEvent());
});

test('a reader that is too slow is cut with Expired, and one that waits never is', async () => {
  const { registry } = cluster({ minimumChanges: 5, milliseconds: 0 });
  const { resourceVersion } = registry;
  const slow = registry.watch(CONFIG_MAPS, { resourceVersion })[Symbol.asyncIterator]();
  const waiting = registry.watch(SERVICE_ACCOUNTS, { resourceVersion })[Symbol.asyncIterator]();
  const first = slow.next();
  const quiet = waiting.next();
  for (let index = 0; index < 10; index++) await configMap(registry, `n${index}`);
  assert.equal((await first).done, false);
  await refused('Expired', slow.next());
  assert.equal((await slow.next()).done, true, 'and then it is at its end');
  await registry.create(SERVICE_ACCOUNTS, { metadata: key('robot') });
  assert.equal((await quiet).value?.type, 'ADDED');
});

test('watches get a bookmark about once a minute, unless they do not want any', async () => {
  const { registry, clock } = cluster();
  const { resourceVersion } = registry;
  const marked = registry.watch(SERVICE_ACCOUNTS, { resourceVersion })[Symbol.asyncIterator]();
  const plain = registry.watch(SERVICE_ACCOUNTS, { resourceVersion, bookmarks: false })[Symbol.asyncIterator]();
  const [bookmark, event] = [marked.next(), plain.next()];
  await clock.advance(61_000);
  await configMap(registry, 'a');
  assert.deepEqual((await bookmark).value, { type: 'BOOKMARK', resourceVersion: registry.resourceVersion });
  await registry.create(SERVICE_ACCOUNTS, { metadata: key('robot') });
  assert.equal((await event).value?.type, 'ADDED');
});

test('a watch can begin with what is there and say when that is complete', async () => {
  const { registry } = cluster();
  await configMap(registry, 'a');
  const events = registry.watch(CONFIG_MAPS, { resourceVersion: '', sendInitialEvents: true })[Symbol.asyncIterator]();
  assert.equal((await events.next()).value?.type, 'ADDED');
  assert.deepEqual((await events.next()).value, {
    type: 'BOOKMARK',
    resourceVersion: registry.resourceVersion,
    initialEventsEnd: true,
  });
});

test('a version from the future is refused rather than waited for', async () => {
  const { registry } = cluster();
  const resourceVersion = String(Number(registry.resourceVersion) + 100);
  await refused('Timeout', registry.list(CONFIG_MAPS, { resourceVersion }), /Too large resource version/);
  const watch = registry.watch(CONFIG_MAPS, { resourceVersion })[Symbol.asyncIterator]();
  await refused('Timeout', watch.next());
  const nonsense = registry.watch(CONFIG_MAPS, { resourceVersion: 'abc' })[Symbol.asyncIterator]();
  await refused('BadRequest', nonsense.next());
});

test('closing the registry ends its watches quietly', async () => {
  const { registry } = cluster();
  const watch = registry.watch(CONFIG_MAPS, { resourceVersion: registry.resourceVersion })[Symbol.asyncIterator]();
  const next = watch.next();
  registry.close();
  assert.equal((await next).done, true);
});

test('an event goes an hour after it was last written', async () => {
  const { registry, clock } = cluster();
  const draft = (
    name: string,
  ): Pick<KubeEvent, 'involvedObject' | 'reason'> & { metadata: { namespace: string; name: string } } => ({
    metadata: key(name),
    involvedObject: { kind: 'Pod', name: 'p', namespace: NAMESPACE },
    reason: 'Tested',
  });
  await registry.create(EVENTS, draft('once'));
  await registry.create(EVENTS, draft('again'));
  await clock.advance(1_800_000);
  await registry.patch(EVENTS, key('again'), { count: 2 });
  await clock.advance(1_800_000);
  const names = async (): Promise<string[]> => (await registry.list(EVENTS)).items.map(({ metadata }) => metadata.name);
  assert.deepEqual(await names(), ['again']);
  await clock.advance(1_800_000);
  assert.deepEqual(await names(), []);
  assert.equal(clock.pending, 0, 'without a timer');
});

test('generated names and UIDs come from the injected randomness alone', async () => {
  const run = async (): Promise<unknown> => {
    const { registry } = cluster();
    const metadata = { namespace: NAMESPACE, generateName: 'x-' };
    return [await registry.create(CONFIG_MAPS, { metadata }), await registry.create(CONFIG_MAPS, { metadata })];
  };
  assert.deepEqual(await run(), await run());
});

test('a write the backing cannot take changes nothing, and upkeep it could not take is done later', async () => {
  const { registry, backing } = cluster();
  const { uid } = (await configMap(registry, 'owner')).metadata;
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid }];
  await configMap(registry, 'owned', { ownerReferences });
  const write = backing.write.bind(backing);
  const full = new Error('disk is full');
  const before = registry.resourceVersion;
  backing.write = () => {
    throw full;
  };
  await assert.rejects(configMap(registry, 'more'), full);
  assert.equal(registry.resourceVersion, before);
  let writes = 0;
  backing.write = (versions) => {
    if (++writes > 1) throw full;
    write(versions);
  };
  await registry.delete(CONFIG_MAPS, key('owner'));
  assert.equal(registry.upkeepError, full);
  assert.equal((await registry.list(CONFIG_MAPS)).items.length, 1, 'reads still work');
  backing.write = write;
  assert.equal((await registry.list(CONFIG_MAPS)).items.length, 0);
  assert.equal(registry.upkeepError, undefined);
});
