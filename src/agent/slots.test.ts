import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from './slots.ts';
import { UnsettledPods } from './unsettled-pods.ts';

const { signal } = new AbortController();

test('no more run at once than there are slots, and the others come in order', async () => {
  const slots = new Slots(2);
  const began: number[] = [];
  const ends: (() => void)[] = [];
  const runs = [1, 2, 3, 4].map((number) =>
    slots.run(signal, () => {
      began.push(number);
      return new Promise<void>((resolve) => ends.push(resolve));
    }),
  );
  await new Promise(setImmediate);
  assert.deepEqual(began, [1, 2]);
  for (let done = 0; done < 4; done++) {
    ends[done]?.();
    await new Promise(setImmediate);
  }
  await Promise.all(runs);
  assert.deepEqual(began, [1, 2, 3, 4]);
});

test('who gives up waiting takes no slot, and a failure frees one', async () => {
  const slots = new Slots(1);
  const controller = new AbortController();
  let fail: (error: Error) => void = () => undefined;
  const first = slots.run(signal, () => new Promise<void>((_, reject) => (fail = reject)));
  const waiting = slots.run(controller.signal, async () => 'never');
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  fail(new Error('broken'));
  await assert.rejects(first, /broken/);
  assert.equal(await slots.run(signal, async () => 'third'), 'third');
});

test('a pod is settled when the last checkpoint is done with it', async () => {
  const pods = new UnsettledPods();
  await pods.settled('p', signal);
  pods.add('p', 'c1');
  pods.add('p', 'c2');
  let settled = false;
  const waiting = pods.settled('p', signal).then(() => {
    settled = true;
  });
  pods.delete('p', 'c1');
  await new Promise(setImmediate);
  assert.deepEqual([settled, pods.has('p'), pods.hasOther('p', 'c2')], [false, true, false]);
  pods.delete('p', 'c2');
  await waiting;
  assert.equal(pods.has('p'), false);
});

test('who waits for a pod can stop waiting', async () => {
  const pods = new UnsettledPods();
  pods.add('p', 'c1');
  const controller = new AbortController();
  const waiting = pods.settled('p', controller.signal);
  controller.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
  await assert.rejects(pods.settled('p', controller.signal), /enough/);
});
