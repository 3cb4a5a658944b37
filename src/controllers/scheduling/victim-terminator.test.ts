import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../../clock/index.ts';
import { MemoryBacking, Registry } from '../../kubernetes/index.ts';
import { conditionOf, PODS } from '../../model/index.ts';
import { VictimTerminator } from './victim-terminator.ts';

const KEY = { namespace: 'default', name: 'victim' };
const PREEMPTOR = { namespace: 'default', name: 'urgent', uid: 'u' };

async function scene() {
  const clock = new VirtualClock();
  const store = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  const spec = { nodeName: 'n1', containers: [{ name: 'main', image: 'i' }] };
  const seen = await store.create(PODS, { metadata: { ...KEY, labels: { policy: 'either' } }, spec });
  const terminator = new VictimTerminator({ store, clock });
  const terminate = (): Promise<void> =>
    terminator.terminate(
      { pod: { ...KEY, uid: seen.metadata.uid }, labels: { policy: 'either' } },
      PREEMPTOR,
      new AbortController().signal,
    );
  return { store, terminate };
}

test('a victim is marked with why, then deleted', async () => {
  const { store, terminate } = await scene();
  await terminate();
  const pod = await store.get(PODS, KEY);
  assert.ok(pod.metadata.deletionTimestamp !== undefined);
  assert.match(conditionOf(pod.status?.conditions, 'DisruptionTarget')?.message ?? '', /default\/urgent/);
});

test('a victim whose labels changed unseen runs on: another policy may hold for it', async () => {
  const { store, terminate } = await scene();
  await store.patch(PODS, KEY, { metadata: { labels: { policy: 'never' } } });
  await assert.rejects(terminate, { code: 'VictimChanged' });
  const pod = await store.get(PODS, KEY);
  assert.equal(pod.metadata.deletionTimestamp, undefined);
  assert.equal(conditionOf(pod.status?.conditions, 'DisruptionTarget'), undefined);
});

test('a pod that took the name of the victim is left alone', async () => {
  const { store, terminate } = await scene();
  await store.delete(PODS, KEY, { gracePeriodSeconds: 0 });
  const spec = { containers: [{ name: 'main', image: 'i' }] };
  await store.create(PODS, { metadata: { ...KEY, labels: { policy: 'either' } }, spec });
  await terminate();
  assert.equal((await store.get(PODS, KEY)).metadata.deletionTimestamp, undefined);
});
