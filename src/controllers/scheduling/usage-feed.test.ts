import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../clock/index.ts';
import { ApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { SILENT_LOG } from '../../model/index.ts';
import type { ClusterEvent } from '../../scheduling/index.ts';
import { UsageFeed } from './usage-feed.ts';

interface Served {
  namespace: string;
  name: string;
  timestamp: string;
  usages: { cpu: string; memory: string }[];
}

/** A cluster that serves these measurements, or throws. */
function feed(serve: () => Served[]) {
  const clock = new VirtualClock();
  const events: ClusterEvent[] = [];
  let asked = 0;
  const store = {
    list: async () => {
      asked += 1;
      return {
        resourceVersion: '1',
        items: serve().map(({ namespace, name, timestamp, usages }) => ({
          metadata: { namespace, name },
          timestamp,
          containers: usages.map((usage, index) => ({ name: `c${index}`, usage })),
        })),
      };
    },
  } as unknown as ObjectStore;
  const usage = new UsageFeed(
    { store, clock, log: SILENT_LOG },
    { uidOf: (key) => (key === 'default/web' ? 'uid-web' : undefined), onEvent: (event) => void events.push(event) },
  );
  usage.start();
  return { clock, events, usage, asked: () => asked };
}

const web = (timestamp: string, ...usages: Served['usages']): Served => ({
  namespace: 'default',
  name: 'web',
  timestamp,
  usages,
});

test('what the containers of a pod use is told together, under its UID', async () => {
  const it = feed(() => [web('t1', { cpu: '250m', memory: '100Mi' }, { cpu: '1500000n', memory: '1Gi' })]);
  await it.clock.advance(1_000);
  await it.usage.stop();
  const memoryBytes = 100 * 2 ** 20 + 2 ** 30;
  assert.deepEqual(it.events, [{ type: 'UsageObserved', uid: 'uid-web', cpuMillicores: 252, memoryBytes }]);
});

test('a measurement is told once, pods nobody knows never', async () => {
  let timestamp = 't1';
  const it = feed(() => [
    web(timestamp, { cpu: '1', memory: '1Gi' }),
    { ...web(timestamp, { cpu: '1', memory: '1Gi' }), name: 'other' },
  ]);
  await it.clock.advance(40_000);
  assert.equal(it.events.length, 1);
  timestamp = 't2';
  await it.clock.advance(15_000);
  await it.usage.stop();
  assert.equal(it.events.length, 2);
});

test('a cluster that measures nothing is asked seldom, one that does not answer soon again', async () => {
  const absent = feed(() => {
    throw new ApiError('NotFound', 'the server could not find the requested resource');
  });
  await absent.clock.advance(500_000);
  await absent.usage.stop();
  assert.equal(absent.asked(), 1);
  const silent = feed(() => {
    throw new ApiError('ServiceUnavailable', 'the server is currently unable to handle the request');
  });
  await silent.clock.advance(50_000);
  await silent.usage.stop();
  assert.equal(silent.asked(), 4);
});

test('once stopped it asks no more', async () => {
  const it = feed(() => []);
  await it.clock.advance(1_000);
  await it.usage.stop();
  const before = it.asked();
  await it.clock.advance(600_000);
  assert.equal(it.asked(), before);
});
