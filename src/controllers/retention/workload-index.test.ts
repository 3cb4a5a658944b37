import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject } from '../../model/index.ts';
import { WorkloadIndex } from './workload-index.ts';

type Labelled = KubeObject & { metadata: { labels: { app: string } } };

function object(name: string, app: string): Labelled {
  const metadata = { name, namespace: 'n', uid: name, resourceVersion: '', creationTimestamp: '', labels: { app } };
  return { apiVersion: 'v1', kind: 'Pod', metadata };
}

test('whatever comes, changes its workload and goes, each workload has just its own', () => {
  const names = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.record({ name: names, app: fc.constantFrom('x', 'y', 'z', undefined) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const index = new WorkloadIndex<Labelled>(({ metadata }) => metadata.labels.app);
      const held = new Map<string, Labelled>();
      for (const { name, app } of steps) {
        const previous = held.get(name);
        if (app !== undefined) {
          index.put(object(name, app), previous);
          held.set(name, object(name, app));
        } else if (previous !== undefined) {
          index.delete(previous);
          held.delete(name);
        }
      }
      const byKey = { get: (key: string) => held.get(key.slice('n/'.length)) };
      for (const app of ['x', 'y', 'z']) {
        const wanted = [...held.values()].filter(({ metadata }) => metadata.labels.app === app);
        const names = (objects: readonly Labelled[]): string[] => objects.map(({ metadata }) => metadata.name).sort();
        assert.deepEqual(names(index.select(app, byKey)), names(wanted));
      }
    }),
  );
});
