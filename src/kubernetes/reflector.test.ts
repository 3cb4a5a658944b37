import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom, VirtualClock } from '../clock/index.ts';
import { CONFIG_MAPS, type ConfigMap, keyOf, SILENT_LOG } from '../model/index.ts';
import { ApiError } from './api-error.ts';
import { FaultyStore } from './faulty-store.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';
import { MemoryBacking, Registry } from './registry/index.ts';
import type { ObjectStore } from './store.ts';

const NAMESPACE = 'default';

interface World {
  clock: VirtualClock;
  backing: MemoryBacking;
  registry: Registry;
  /** `+name` new, `~name` changed, `-name` deleted, as they were told. */
  told: string[];
  /** What handlers threw. */
  thrown: unknown[];
  put(name: string, value: string): Promise<void>;
  remove(name: string): Promise<void>;
}

function world(history?: { minimumChanges: number; milliseconds: number }): World {
  const clock = new VirtualClock();
  const backing = new MemoryBacking();
  const registry = new Registry({ backing, clock, random: seededRandom(7) }, history === undefined ? {} : { history });
  return {
    clock,
    backing,
    registry,
    told: [],
    thrown: [],
    put: async (name, value) => {
      const key = { namespace: NAMESPACE, name };
      const exists =
        (await registry.list(CONFIG_MAPS, { ...key, fieldSelector: `metadata.name=${name}` })).items.length > 0;
      if (exists) await registry.patch(CONFIG_MAPS, key, { data: { value } });
      else await registry.create(CONFIG_MAPS, { metadata: key, data: { value } });
    },
    remove: async (name) => {
      await registry.delete(CONFIG_MAPS, { namespace: NAMESPACE, name });
    },
  };
}

function reflect(
  { clock, told, thrown }: World,
  store: ObjectStore,
  options: ReflectorOptions<ConfigMap> = {},
): Reflector<ConfigMap> {
  const log = { ...SILENT_LOG, error: (fields: Record<string, unknown>) => thrown.push(fields.reason) };
  return new Reflector({ store, clock, random: seededRandom(3), log }, CONFIG_MAPS, {
    namespace: NAMESPACE,
    onChange: (object, previous) => told.push(`${previous === undefined ? '+' : '~'}${object.metadata.name}`),
    onDelete: (object) => told.push(`-${object.metadata.name}`),
    ...options,
  });
}

test('a reflector tells what is there, then what changes, and keeps the newest of each', async () => {
  const scene = world();
  await scene.put('a', '1');
  const reflector = reflect(scene, scene.registry, { onSynced: () => scene.told.push('synced') });
  reflector.start();
  await reflector.synced();
  await scene.put('b', '1');
  await scene.put('a', '2');
  await scene.remove('b');
  await scene.clock.advance(0);
  assert.deepEqual(scene.told, ['+a', 'synced', '+b', '~a', '-b']);
  assert.equal(reflector.get(`${NAMESPACE}/a`)?.data?.value, '2');
  assert.deepEqual(reflector.items().map(keyOf), [`${NAMESPACE}/a`]);
  await reflector.stop();
});

test('the first list is told page by page, each while the next one is asked for, and what a second try lacks is gone', async () => {
  const scene = world();
  const names = Array.from({ length: 1_001 }, (_, index) => `c${String(index).padStart(4, '0')}`);
  for (const name of names) await scene.put(name, '1');
  const asked: number[] = [];
  const { promise: secondPage, reject: expire } = Promise.withResolvers<never>();
  const store: ObjectStore = Object.assign(Object.create(scene.registry) as ObjectStore, {
    list: (...[type, options]: Parameters<Registry['list']>) => {
      asked.push(scene.told.length);
      return asked.length === 2 ? secondPage : scene.registry.list(type, options);
    },
  });
  const reflector = reflect(scene, store, { onSynced: () => scene.told.push('synced') });
  reflector.start();
  await scene.clock.advance(0);
  assert.deepEqual([asked, scene.told.length], [[0, 0], 1_000]);
  await scene.remove('c0007');
  expire(new ApiError('Expired', 'the continue parameter is too old'));
  await scene.clock.advance(1_000);
  assert.deepEqual(scene.told.slice(1_000), ['-c0007', '+c1000', 'synced']);
  await reflector.stop();
  assert.equal(scene.clock.pending, 0);
});

test('stop ends the watch and leaves no timer; what was seen stays readable', async () => {
  const scene = world();
  await scene.put('a', '1');
  const faulty = new FaultyStore({ store: scene.registry, random: seededRandom(1) });
  const reflector = reflect(scene, faulty);
  reflector.start();
  await reflector.synced();
  faulty.rates = { unreachable: 1, dropWatch: 1 };
  await scene.put('b', '1');
  await scene.clock.advance(20);
  assert.equal(scene.clock.pending, 1, 'it waits to try again');
  await reflector.stop();
  assert.equal(scene.clock.pending, 0);
  assert.equal(reflector.items().length, 1);
  faulty.rates = {};
  reflector.start();
  await scene.clock.advance(0);
  assert.equal(reflector.items().length, 2, 'started again, it goes on');
  await reflector.stop();
});

test('after a broken watch it goes on from where it was, soon at first and then more slowly', async () => {
  const scene = world();
  let lists = 0;
  const watchedAt: number[] = [];
  let broken = false;
  const { registry, clock } = scene;
  const store: ObjectStore = Object.assign(Object.create(registry) as ObjectStore, {
    list: (...call: Parameters<Registry['list']>) => {
      lists++;
      return registry.list(...call);
    },
    watch: (...call: Parameters<Registry['watch']>) => {
      watchedAt.push(clock.now());
      if (broken) throw new ApiError('ServiceUnavailable', 'connection refused', { status: 0 });
      return registry.watch(...call);
    },
  });
  const faulty = new FaultyStore({ store, random: () => 0 });
  const reflector = reflect(scene, faulty);
  reflector.start();
  await reflector.synced();
  broken = true;
  faulty.rates = { dropWatch: 1 };
  await scene.put('a', '1');
  await clock.advance(180_000);
  const waits = watchedAt.slice(1).map((at, index) => at - (watchedAt[index] ?? 0));
  assert.ok((waits[0] ?? 0) <= 63, `the first retry comes within 63 ms: ${waits[0]}`);
  assert.ok(
    waits.slice(1).every((wait, index) => wait <= 37_500 && wait >= Math.min(75 * 2 ** index, 22_500)),
    String(waits),
  );
  broken = false;
  faulty.rates = {};
  await clock.advance(38_000);
  assert.deepEqual(scene.told, ['+a']);
  assert.equal(lists, 1);
  await reflector.stop();
});

test('when history is forgotten it lists again, and tells just the difference, deletions first', async () => {
  const scene = world({ minimumChanges: 3, milliseconds: 0 });
  for (const name of ['same', 'changed', 'removed', 'replaced']) await scene.put(name, '1');
  const faulty = new FaultyStore({ store: scene.registry, random: () => 0 });
  const reflector = reflect(scene, faulty);
  reflector.start();
  await reflector.synced();
  faulty.rates = { dropWatch: 1, unreachable: 1 };
  await scene.put('changed', '2');
  await scene.clock.advance(10);
  await scene.remove('removed');
  await scene.remove('replaced');
  await scene.put('replaced', 'another');
  for (let round = 0; round < 10; round++) await scene.put('noise', String(round));
  await scene.remove('noise');
  scene.told.length = 0;
  faulty.rates = {};
  await scene.clock.advance(1_000);
  assert.deepEqual(scene.told, ['-removed', '-replaced', '~changed', '+replaced']);
  await reflector.stop();
});

test('it survives a server that comes back without its latest state', async () => {
  const scene = world();
  await scene.put('a', '1');
  let registry = scene.registry;
  const store = new Proxy({} as ObjectStore, { get: (_target, name) => Reflect.get(registry, name).bind(registry) });
  const reflector = reflect(scene, store);
  reflector.start();
  await reflector.synced();
  for (let round = 0; round < 5; round++) await scene.put('b', String(round));
  await scene.clock.advance(0);
  // The new server has a lower revision than what the reflector has seen.
  registry.close();
  registry = new Registry({ backing: new MemoryBacking(), clock: scene.clock, random: seededRandom(9) });
  await registry.create(CONFIG_MAPS, { metadata: { namespace: NAMESPACE, name: 'c' } });
  scene.told.length = 0;
  await scene.clock.advance(1_000);
  assert.deepEqual(scene.told, ['-a', '-b', '+c']);
  await reflector.stop();
});

test('a list that grows too old between its pages is begun again', async () => {
  const scene = world();
  for (let index = 0; index < 1_200; index++) await scene.put(`n${index}`, '1');
  const numbers = [0, 1, 1, 1, 1];
  const faulty = new FaultyStore({ store: scene.registry, random: () => numbers.shift() ?? 1 }, { expired: 0.5 });
  const reflector = reflect(scene, faulty);
  reflector.start();
  await scene.clock.advance(1_000);
  await reflector.synced();
  assert.equal(reflector.items().length, 1_200);
  assert.equal(scene.told.length, 1_200);
  await reflector.stop();
});

test('a watch that ends as soon as it begins is not hammered', async () => {
  const scene = world();
  let watches = 0;
  const store: ObjectStore = Object.assign(Object.create(scene.registry) as ObjectStore, {
    list: scene.registry.list.bind(scene.registry),
    // biome-ignore lint/correctness/useYield: it ends at once
    watch: async function* () {
      watches++;
    },
  });
  const reflector = reflect(scene, store);
  reflector.start();
  await scene.clock.advance(60_000);
  assert.ok(watches < 20, `${watches} watches in a minute`);
  await reflector.stop();
});

test('waiting for the first list can be given up', async () => {
  const scene = world();
  const faulty = new FaultyStore({ store: scene.registry, random: () => 0 }, { unreachable: 1 });
  const reflector = reflect(scene, faulty);
  reflector.start();
  const abort = new AbortController();
  const waiting = reflector.synced(abort.signal);
  abort.abort(new Error('too long'));
  await assert.rejects(waiting, /too long/);
  await reflector.stop();
});

test('a handler that throws is reported and stops nothing', async () => {
  const scene = world();
  const reflector = reflect(scene, scene.registry, {
    onChange: () => {
      throw new Error('handler is broken');
    },
  });
  reflector.start();
  await reflector.synced();
  await scene.put('a', '1');
  await scene.clock.advance(0);
  assert.equal(reflector.items().length, 1);
  assert.deepEqual(scene.thrown, ['handler is broken']);
  await reflector.stop();
});

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ act: fc.constant('put' as const), name: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('remove' as const), name: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('wait' as const), name: fc.integer({ min: 0, max: 400 }) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('restart' as const), name: fc.constant(0) }) },
);

test('after any faults a reflector has what the registry has, and told each change once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.integer(), async (steps, seed) => {
      const scene = world({ minimumChanges: 4, milliseconds: 0 });
      const { clock, backing } = scene;
      let { registry } = scene;
      const store = new Proxy({} as ObjectStore, {
        get: (_target, name) => Reflect.get(registry, name).bind(registry),
      });
      const rate = 0.2;
      const rates = { unreachable: rate, dropWatch: rate, endWatch: rate, expired: rate, garbage: rate };
      const faulty = new FaultyStore({ store, random: seededRandom(seed) }, rates);
      // What is told must by itself lead to the same objects: no change is lost, doubled or out of order.
      const replayed = new Map<string, ConfigMap>();
      const reflector = reflect(scene, faulty, {
        onChange: (object, previous) => {
          assert.equal(replayed.get(keyOf(object)), previous);
          assert.equal(previous === undefined || previous.metadata.uid === object.metadata.uid, true);
          assert.notEqual(previous?.metadata.resourceVersion, object.metadata.resourceVersion);
          replayed.set(keyOf(object), object);
        },
        onDelete: (object) => assert.equal(replayed.delete(keyOf(object)), true),
      });
      reflector.start();
      for (const { act, name } of steps) {
        const key = { namespace: NAMESPACE, name: `n${name}` };
        const exists =
          registry.kinds.of(CONFIG_MAPS) &&
          (await registry.list(CONFIG_MAPS, key)).items.some((item) => item.metadata.name === key.name);
        if (act === 'wait') await clock.advance(name);
        else if (act === 'restart') {
          registry.close();
          registry = new Registry({ backing, clock, random: seededRandom(seed + 1) });
        } else if (act === 'remove') {
          if (exists) await registry.delete(CONFIG_MAPS, key);
        } else if (exists)
          await registry.patch(CONFIG_MAPS, key, { data: { at: String(clock.now()), seed: registry.resourceVersion } });
        else await registry.create(CONFIG_MAPS, { metadata: key });
      }
      faulty.rates = {};
      await clock.advance(30_000);
      const { items } = await registry.list(CONFIG_MAPS, { namespace: NAMESPACE });
      const byKey = (left: ConfigMap, right: ConfigMap): number => (keyOf(left) < keyOf(right) ? -1 : 1);
      assert.deepEqual(reflector.items().sort(byKey), items);
      assert.deepEqual([...replayed.values()].sort(byKey), items);
      assert.deepEqual(scene.thrown, []);
      await reflector.stop();
      assert.equal(clock.pending, 0);
      registry.close();
    }),
    { numRuns: 60 },
  );
});

test('a kind the server does not know counts as empty where that is allowed, until the server knows it', async () => {
  const it = world();
  let known = false;
  const store = new Proxy(it.registry, {
    get: (registry, name) => {
      if (name === 'list' && !known) {
        return async () => {
          throw new ApiError('NotFound', 'the server could not find the requested resource');
        };
      }
      const member: unknown = Reflect.get(registry, name);
      return typeof member === 'function' ? member.bind(registry) : member;
    },
  });
  await it.put('a', '1');
  const strict = reflect(it, store);
  const lenient = reflect(it, store, { optional: true });
  let strictSynced = false;
  void strict.synced().then(() => {
    strictSynced = true;
  });
  strict.start();
  lenient.start();
  await it.clock.advance(1_000);
  await lenient.synced();
  assert.equal(strictSynced, false);
  assert.deepEqual(lenient.items(), []);
  known = true;
  await it.clock.advance(20_000);
  assert.equal(lenient.items().length, 1);
  await strict.stop();
  await lenient.stop();
});
