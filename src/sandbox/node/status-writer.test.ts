import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { MemoryBacking, Registry } from '../../kubernetes/index.ts';
import { PODS, type Pod, type PodStatus, SILENT_LOG, withCondition } from '../../model/index.ts';
import { PodStatusWriter } from './status-writer.ts';

const KEY = { namespace: 'default', name: 'p' };

async function setUp() {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  const store = new Registry({ backing: new MemoryBacking(), clock, random });
  const pod = await store.create(PODS, { metadata: KEY, spec: { containers: [{ name: 'c', image: 'i' }] } });
  // The watch never catches up in these tests: every other writer's change is news to the writer.
  const writer = new PodStatusWriter({ store, clock, random, log: SILENT_LOG }, (uid) =>
    uid === pod.metadata.uid ? pod : undefined,
  );
  writer.start();
  return { clock, store, pod, writer };
}

function ready(current: Pod, time: string): PodStatus {
  const conditions = withCondition(current.status?.conditions, { type: 'Ready', status: 'True' }, time);
  return { ...current.status, phase: 'Running', conditions };
}

test('what others wrote meanwhile stays, though the watch is behind', async () => {
  const { clock, store, pod, writer } = await setUp();
  const conditions = [{ type: 'PodScheduled', status: 'True' }];
  await store.patch(PODS, KEY, { status: { conditions, nominatedNodeName: 'n2' } }, { subresource: 'status' });
  writer.set(pod.metadata.uid, (current) => ready(current, '2026-01-01T00:00:00Z'));
  await clock.advance(1000);
  const { status } = await store.get(PODS, KEY);
  assert.deepEqual(
    status?.conditions?.map(({ type }) => type),
    ['PodScheduled', 'Ready'],
  );
  assert.equal(status?.nominatedNodeName, 'n2');
  assert.equal(status?.phase, 'Running');
  await writer.stop();
});

test('a status that says nothing new is not written', async () => {
  const { clock, store, pod, writer } = await setUp();
  writer.set(pod.metadata.uid, (current) => ready(current, '2026-01-01T00:00:00Z'));
  await clock.advance(1000);
  const { resourceVersion } = store;
  writer.set(pod.metadata.uid, (current) => ready(current, '2026-01-01T00:01:00Z'));
  await clock.advance(1000);
  assert.equal(store.resourceVersion, resourceVersion);
  await writer.stop();
});

test('another pod of the same name gets nothing of it', async () => {
  const { clock, store, pod, writer } = await setUp();
  await store.delete(PODS, KEY, { gracePeriodSeconds: 0 });
  await store.create(PODS, { metadata: KEY, spec: { containers: [{ name: 'c', image: 'i' }] } });
  writer.set(pod.metadata.uid, (current) => ready(current, '2026-01-01T00:00:00Z'));
  await clock.advance(60_000);
  assert.equal((await store.get(PODS, KEY)).status?.phase, 'Pending');
  await writer.stop();
  assert.equal(clock.pending, 0);
});
