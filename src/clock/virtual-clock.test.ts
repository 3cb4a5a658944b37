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

test('with settling by reactions, long chains of promises end before the next alarm', async () => {
  const clock = new VirtualClock(0, { settling: 'reactions' });
  const seen: string[] = [];
  clock.setTimer(10, () => {
    void (async () => {
      for (let index = 0; index < 100; index++) await undefined;
      seen.push(`chain@${clock.now()}`);
    })();
  });
  clock.setTimer(10, () => seen.push(`alarm@${clock.now()}`));
  await clock.advance(10);
  assert.deepEqual(seen, ['chain@10', 'alarm@10']);
});

test('many alarms, some cancelled, fire in the order of a sorted list', async () => {
  const clock = new VirtualClock(0, { settling: 'reactions' });
  const fired: number[] = [];
  const expected: number[] = [];
  let state = 7;
  const timers = Array.from({ length: 5_000 }, (_, index) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const at = state % 1_000;
    return { at, index, timer: clock.setTimer(at, () => fired.push(index)) };
  });
  for (const { at, index, timer } of timers) {
    if (index % 3 === 0) expected.push(index);
    else {
      timer.cancel();
      timer.cancel();
    }
    assert.ok(at >= 0);
  }
  assert.equal(clock.pending, expected.length);
  expected.sort((one, other) => (timers[one]?.at ?? 0) - (timers[other]?.at ?? 0) || one - other);
  await clock.advance(1_000);
  assert.deepEqual(fired, expected);
  assert.equal(clock.pending, 0);
});
