import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { MemoryBacking, type ObjectStore, Registry } from '../../kubernetes/index.ts';
import { PODS } from '../../model/index.ts';
import { PodBinder } from './pod-binder.ts';

const KEY = { namespace: 'default', name: 'p' };
const SPEC = { schedulerName: 'fermata', containers: [{ name: 'main', image: 'i' }] };

async function scene() {
  const clock = new VirtualClock();
  const store = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  const seen = await store.create(PODS, { metadata: KEY, spec: SPEC });
  const asked: (string | undefined)[] = [];
  const recording = new Proxy<ObjectStore>(store, {
    get: (object, property) => {
      const value: unknown = Reflect.get(object, property, object);
      if (typeof value !== 'function') return value;
      if (property !== 'bind') return value.bind(object);
      return (...call: Parameters<ObjectStore['bind']>) => {
        asked.push(call[0].resourceVersion);
        return object.bind(...call);
      };
    },
  });
  const binder = new PodBinder({ store: recording, clock });
  const bind = (): Promise<string | undefined> =>
    binder.bind({ ...KEY, uid: seen.metadata.uid }, 'n1', {
      seen,
      holdsRoom: async () => undefined,
      signal: new AbortController().signal,
    });
  return { store, seen, asked, bind };
}

test('a bind names the version of the pod it was decided on, so that one that is late is refused', async () => {
  const { store, seen, asked, bind } = await scene();
  assert.equal(await bind(), undefined);
  assert.deepEqual(asked, [seen.metadata.resourceVersion]);
  assert.equal((await store.get(PODS, KEY)).spec.nodeName, 'n1');
});

test('a pod that somebody wrote to meanwhile is read anew, and bound as it is then', async () => {
  const { store, seen, asked, bind } = await scene();
  const written = await store.patch(PODS, KEY, { metadata: { labels: { a: 'b' } } });
  assert.equal(await bind(), undefined);
  assert.deepEqual(asked, [seen.metadata.resourceVersion, written.metadata.resourceVersion]);
});

test('a pod that is bound elsewhere, or took the name of the one meant, is not bound', async () => {
  const elsewhere = await scene();
  await elsewhere.store.bind({ ...KEY, uid: elsewhere.seen.metadata.uid }, 'n2');
  assert.match((await elsewhere.bind()) ?? '', /./);
  assert.equal((await elsewhere.store.get(PODS, KEY)).spec.nodeName, 'n2');

  const replaced = await scene();
  await replaced.store.delete(PODS, KEY, { gracePeriodSeconds: 0 });
  await replaced.store.create(PODS, { metadata: KEY, spec: SPEC });
  assert.match((await replaced.bind()) ?? '', /./);
  assert.equal((await replaced.store.get(PODS, KEY)).spec.nodeName, undefined);
});
