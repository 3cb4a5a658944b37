import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from './virtual-clock.ts';

test('alarms fire in order of time, equals in the order they were set', async () => {
  const clock = new VirtualClock(0);
  const seen: string[] = [];
  clock.setTimer(20, () => seen.push(`late@${clock.now()}`));
  clock.setTimer(10, () => seen.push(`first@${clock.now()}`));
  clock.setTimer(10, () => seen.push(`second@${clock.now()}`));
  await clock.advance(15);
  assert.deepEqual(seen, ['first@10', 'second@10']);
  assert.equal(clock.now(), 15);
  await clock.advance(5);
  assert.deepEqual(seen, ['first@10', 'second@10', 'late@20']);
});

test('a sleeper that sleeps again is woken within the same advance', async () => {
  const clock = new VirtualClock(0);
  const woken: number[] = [];
  const sleeper = (async () => {
    for (let index = 0; index < 3; index++) {
      await clock.sleep(10);
      woken.push(clock.now());
    }
  })();
  await clock.advance(30);
  await sleeper;
  assert.deepEqual(woken, [10, 20, 30]);
});

test('an aborted sleep rejects and leaves no alarm behind', async () => {
  const clock = new VirtualClock(0);
  const controller = new AbortController();
  const sleeping = clock.sleep(1_000, controller.signal);
  controller.abort(new Error('stopped'));
  await assert.rejects(sleeping, /stopped/);
  assert.equal(clock.pending, 0);
});

test('advanceUntil gives up when the condition cannot come true', async () => {
  const clock = new VirtualClock(0);
  await assert.rejects(
    clock.advanceUntil(() => false),
    /condition still false/,
  );
});
