import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { CONFIG_MAPS, type ConfigMap, keyOf } from '../../model/index.ts';
import { MemoryBacking } from './memory-backing.ts';
import { Registry } from './registry.ts';

const NAMESPACES = ['default', 'kube-public'];
const LABELS = ['red', 'blue'];

const operation = fc.record({
  act: fc.constantFrom('put', 'put', 'put', 'delete', 'restart'),
  namespace: fc.constantFrom(...NAMESPACES),
  name: fc.integer({ min: 0, max: 4 }).map((index) => `n${index}`),
  label: fc.constantFrom(...LABELS),
});

type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

/** What a client selects: a namespace or all, a label or any. */
const selection = fc.record({
  namespace: fc.constantFrom(undefined, ...NAMESPACES),
  label: fc.constantFrom(undefined, ...LABELS),
});

async function apply(registry: Registry, { act, namespace, name, label }: Operation): Promise<void> {
  const key = { namespace, name };
  const exists = (await registry.list(CONFIG_MAPS, { namespace })).items.some((item) => item.metadata.name === name);
  const labels = { color: label };
  if (act === 'delete') {
    if (exists) await registry.delete(CONFIG_MAPS, key);
  } else if (!exists) {
    await registry.create(CONFIG_MAPS, { metadata: { ...key, labels } });
  } else {
    await registry.patch(CONFIG_MAPS, key, { metadata: { labels }, data: { at: registry.resourceVersion } });
  }
}

test('any past version can be listed page by page, and watched from, to the same end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { maxLength: 40 }),
      selection,
      fc.integer({ min: 1, max: 4 }),
      async (operations, { namespace, label }, limit) => {
        const backing = new MemoryBacking();
        const clock = new VirtualClock();
        let registry = new Registry({ backing, clock, random: seededRandom(1) });
        const selected = {
          ...(namespace === undefined ? {} : { namespace }),
          ...(label === undefined ? {} : { labelSelector: `color=${label}` }),
        };
        const snapshots = [await registry.list(CONFIG_MAPS, selected)];
        for (const one of operations) {
          if (one.act === 'restart') {
            registry.close();
            registry = new Registry({ backing, clock, random: seededRandom(2) });
          } else await apply(registry, one);
          snapshots.push(await registry.list(CONFIG_MAPS, selected));
        }
        const end = snapshots.at(-1)?.items;
        for (const { items, resourceVersion } of snapshots) {
          const exact = { ...selected, resourceVersion, resourceVersionMatch: 'Exact' as const };
          assert.deepEqual((await registry.list(CONFIG_MAPS, exact)).items, items);
          const pages: ConfigMap[] = [];
          let page = await registry.list(CONFIG_MAPS, { ...exact, limit });
          for (;;) {
            pages.push(...page.items);
            assert.ok(page.items.length <= limit);
            if (page.continue === undefined) break;
            page = await registry.list(CONFIG_MAPS, { ...selected, limit, continue: page.continue });
          }
          assert.deepEqual(pages, items);
          assert.deepEqual(await replay(registry, items, { ...selected, resourceVersion }), end);
        }
        registry.close();
      },
    ),
    { numRuns: 40 },
  );
});

/** The objects one has who began with `items` and followed the watch to the present. */
async function replay(
  registry: Registry,
  items: readonly ConfigMap[],
  options: { resourceVersion: string; namespace?: string; labelSelector?: string },
): Promise<ConfigMap[]> {
  const held = new Map(items.map((item) => [keyOf(item), item]));
  const abort = new AbortController();
  const events = registry.watch(CONFIG_MAPS, { ...options, signal: abort.signal })[Symbol.asyncIterator]();
  for (;;) {
    // A watch that has told everything has nothing to say in the same turn.
    const next = await Promise.race([
      events.next(),
      new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
    ]);
    if (next === undefined || next.done || next.value.type === 'BOOKMARK') break;
    const { type, object } = next.value;
    assert.equal(type === 'ADDED', !held.has(keyOf(object)), `${type} ${keyOf(object)}`);
    if (type === 'DELETED') held.delete(keyOf(object));
    else held.set(keyOf(object), object);
  }
  abort.abort();
  return [...held.values()].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}
