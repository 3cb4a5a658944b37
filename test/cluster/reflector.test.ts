import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { SystemClock } from '../../src/clock/index.ts';
import { type ObjectStore, Reflector } from '../../src/kubernetes/index.ts';
import { CONFIG_MAPS, type ConfigMap, SILENT_LOG } from '../../src/model/index.ts';
import { withNamespace } from './cluster.ts';

/** More than two pages of a reflector's list. */
const COUNT = 2_100;

async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `after two minutes it is not so: ${what}`);
    await pause(50);
  }
}

test('a list of several pages is read whole, and after "too old resource version" the difference is told once', async () => {
  await withNamespace(async (store, namespace) => {
    const names = Array.from({ length: COUNT }, (_, index) => `c${index}`);
    await Promise.all(
      names.map((name) => store.create(CONFIG_MAPS, { metadata: { namespace, name, labels: { t: 'r' } } })),
    );
    // The first watch breaks off; the second asks for a past that the server has forgotten.
    let watches = 0;
    const answers: string[] = [];
    const forgetful = new Proxy<ObjectStore>(store, {
      get: (target, property) => {
        const value: unknown = Reflect.get(target, property);
        if (typeof value !== 'function') return value;
        if (property !== 'watch') return value.bind(target);
        return async function* (type: typeof CONFIG_MAPS, options: Parameters<ObjectStore['watch']>[1]) {
          watches++;
          if (watches === 1) return;
          const resourceVersion = watches === 2 ? '1' : options.resourceVersion;
          try {
            yield* target.watch(type, { ...options, resourceVersion });
          } catch (error) {
            answers.push(error instanceof Error && 'code' in error ? String(error.code) : String(error));
            throw error;
          }
        };
      },
    });
    const told = new Map<string, number>();
    const gone: string[] = [];
    const count = ({ metadata }: ConfigMap): void => {
      told.set(metadata.name, (told.get(metadata.name) ?? 0) + 1);
    };
    const reflector = new Reflector<ConfigMap>(
      { store: forgetful, clock: new SystemClock(), random: Math.random, log: SILENT_LOG },
      CONFIG_MAPS,
      { namespace, labelSelector: 't=r', onChange: count, onDelete: ({ metadata }) => gone.push(metadata.name) },
    );
    reflector.start();
    try {
      await reflector.synced();
      assert.equal(told.size, COUNT);
      await store.delete(CONFIG_MAPS, { namespace, name: 'c7' });
      await store.create(CONFIG_MAPS, { metadata: { namespace, name: 'new', labels: { t: 'r' } } });
      await until('both changes are told', () => gone.length > 0 && told.has('new'));
      await until('it watches again', () => watches >= 3);
      assert.deepEqual(answers, ['ApiExpired']);
      assert.deepEqual(gone, ['c7']);
      assert.equal(told.size, COUNT + 1);
      assert.deepEqual(
        [...told].filter(([, times]) => times !== 1),
        [],
        'nothing is told twice',
      );
    } finally {
      await reflector.stop();
    }
  });
});
