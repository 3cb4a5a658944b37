import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom, VirtualClock } from '../clock/index.ts';
import { EVENTS, type KubeEvent, type KubeObject, SILENT_LOG } from '../model/index.ts';
import { EventRecorder } from './event-recorder.ts';
import { FaultyStore } from './faulty-store.ts';
import { MemoryBacking, Registry } from './registry/index.ts';

const POD: KubeObject = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'default', name: 'p', uid: 'uid-of-p', resourceVersion: '5', creationTimestamp: '' },
};

function world() {
  const clock = new VirtualClock();
  const registry = new Registry({ backing: new MemoryBacking(), clock, random: seededRandom(1) });
  const store = new FaultyStore({ store: registry, random: () => 0 });
  const recorderOf = () =>
    new EventRecorder(
      { store, clock, random: seededRandom(2), log: SILENT_LOG },
      { component: 'tester', host: 'here' },
    );
  const events = async (): Promise<KubeEvent[]> => (await registry.list(EVENTS)).items;
  return { clock, registry, store, recorderOf, recorder: recorderOf(), events };
}

test('an event names its object, its source and its time', async () => {
  const { recorder, events } = world();
  recorder.record(POD, 'Normal', 'Checkpointed', 'it was frozen');
  await recorder.flush();
  const [event] = await events();
  assert.match(event?.metadata.name ?? '', /^p\.[0-9a-f]{16}$/);
  assert.deepEqual(event?.involvedObject, {
    apiVersion: 'v1',
    kind: 'Pod',
    namespace: 'default',
    name: 'p',
    uid: 'uid-of-p',
    resourceVersion: '5',
  });
  assert.deepEqual([event?.type, event?.reason, event?.message], ['Normal', 'Checkpointed', 'it was frozen']);
  assert.deepEqual(event?.source, { component: 'tester', host: 'here' });
  assert.deepEqual(
    [event?.count, event?.firstTimestamp, event?.lastTimestamp],
    [1, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
  );
});

test('equal events are counted up in one object, also by a recorder that came later', async () => {
  const { clock, recorder, recorderOf, events } = world();
  for (let round = 0; round < 3; round++) recorder.record(POD, 'Warning', 'DumpFailed', 'disk full');
  await recorder.flush();
  await clock.advance(5_000);
  recorder.record(POD, 'Warning', 'DumpFailed', 'disk full');
  recorder.record(POD, 'Warning', 'DumpFailed', 'something else');
  await recorder.flush();
  const later = recorderOf();
  await clock.advance(5_000);
  later.record(POD, 'Warning', 'DumpFailed', 'disk full');
  await later.flush();
  const byMessage = Object.fromEntries((await events()).map((event) => [event.message, event]));
  assert.deepEqual(Object.keys(byMessage).sort(), ['disk full', 'something else']);
  const counted = byMessage['disk full'];
  assert.deepEqual(
    [counted?.count, counted?.firstTimestamp, counted?.lastTimestamp],
    [5, '2026-01-01T00:00:00Z', '2026-01-01T00:00:10Z'],
  );
});

test('an event that has expired meanwhile is made anew', async () => {
  const { clock, recorder, events } = world();
  recorder.record(POD, 'Normal', 'Waiting', 'no room');
  await recorder.flush();
  await clock.advance(2 * 3_600_000);
  assert.equal((await events()).length, 0);
  recorder.record(POD, 'Normal', 'Waiting', 'no room');
  await recorder.flush();
  assert.equal((await events())[0]?.count, 1);
});

test('one object that causes too many is cut off, and others are not', async () => {
  const { recorder, events } = world();
  for (let index = 0; index < 100; index++) recorder.record(POD, 'Normal', `Noise${index}`, 'again');
  const other = { ...POD, metadata: { ...POD.metadata, name: 'q', uid: 'uid-of-q' } };
  recorder.record(other, 'Normal', 'Quiet', 'once');
  await recorder.flush();
  assert.equal((await events()).length, 26);
});

test('events that differ in their message only are combined from the tenth on, and counted', async () => {
  const { clock, recorder, events } = world();
  for (let index = 0; index < 14; index++) {
    recorder.record(POD, 'Warning', 'FailedScheduling', `${index} of 20 nodes are full`);
    await recorder.flush();
    await clock.advance(1_000);
  }
  const combined = (await events()).filter(({ message }) => message?.startsWith('(combined'));
  assert.equal((await events()).length, 10);
  assert.deepEqual(
    combined.map(({ message, count }) => [message, count]),
    [['(combined from similar events): 13 of 20 nodes are full', 5]],
  );
  await clock.advance(700_000);
  recorder.record(POD, 'Warning', 'FailedScheduling', 'after a while it is news again');
  await recorder.flush();
  assert.equal((await events()).length, 11);
});

test('a server that is away for a moment is waited for, and one that stays away loses events but hurts nobody', async () => {
  const { clock, store, recorder, events } = world();
  store.rates = { unreachable: 1 };
  recorder.record(POD, 'Normal', 'First', 'm');
  await clock.advance(300);
  store.rates = {};
  await clock.advance(10_000);
  await recorder.flush();
  assert.equal((await events()).length, 1);
  store.rates = { unreachable: 1 };
  recorder.record(POD, 'Normal', 'Second', 'm');
  await clock.advance(60_000);
  await recorder.flush();
  store.rates = {};
  recorder.record(POD, 'Normal', 'Third', 'm');
  await recorder.flush();
  assert.deepEqual((await events()).map(({ reason }) => reason).sort(), ['First', 'Third']);
  assert.equal(clock.pending, 0);
});

test('an answer that was lost does not make a second event', async () => {
  const { clock, store, recorder, events } = world();
  store.rates = { lostAnswer: 1 };
  recorder.record(POD, 'Normal', 'Once', 'm');
  await clock.advance(100);
  store.rates = {};
  await clock.advance(10_000);
  await recorder.flush();
  assert.equal((await events()).length, 1);
});

test('a refusal, and a message that is too long, disturb nobody', async () => {
  const { recorder, events } = world();
  const lost = { ...POD, metadata: { ...POD.metadata, namespace: 'not-there' } };
  recorder.record(lost, 'Normal', 'Lost', 'm');
  recorder.record(POD, 'Normal', 'Long', 'x'.repeat(5_000));
  await recorder.flush();
  assert.deepEqual(
    (await events()).map(({ message }) => message?.length),
    [1_024],
  );
});

test('stop drops what waits and leaves no timer', async () => {
  const { clock, store, recorder, events } = world();
  store.rates = { unreachable: 1 };
  recorder.record(POD, 'Normal', 'First', 'm');
  recorder.record(POD, 'Normal', 'Second', 'm');
  await clock.advance(1);
  await recorder.stop();
  assert.equal(clock.pending, 0);
  assert.equal((await events()).length, 0);
});
