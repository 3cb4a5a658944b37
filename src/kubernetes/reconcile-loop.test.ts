import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../clock/index.ts';
import { SILENT_LOG } from '../model/index.ts';
import { ReconcileLoop, type ReconcileOptions } from './reconcile-loop.ts';

function loopOf(options: Omit<ReconcileOptions, 'name'>) {
  const clock = new VirtualClock(0);
  // At the lower end of the jitter: half of the full wait.
  return { clock, loop: new ReconcileLoop({ clock, random: () => 0, log: SILENT_LOG }, { name: 'test', ...options }) };
}

test('a key enqueued many times while it waits is reconciled once', async () => {
  const seen: string[] = [];
  const { clock, loop } = loopOf({ reconcile: async (key) => void seen.push(key) });
  for (const key of ['a', 'b', 'a', 'a']) loop.enqueue(key);
  loop.start();
  await clock.advance(0);
  assert.deepEqual(seen, ['a', 'b']);
  await loop.stop();
});

test('a key enqueued while it is worked on comes again, and never twice at once', async () => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const { clock, loop } = loopOf({
    concurrency: 4,
    reconcile: async () => {
      most = Math.max(most, ++running);
      runs++;
      await clock.sleep(10);
      running--;
    },
  });
  loop.start();
  loop.enqueue('a');
  await clock.advance(1);
  loop.enqueue('a');
  loop.enqueue('a');
  await clock.advance(100);
  assert.deepEqual([runs, most], [2, 1]);
  await loop.stop();
});

test('different keys are worked on at once, up to the concurrency', async () => {
  let running = 0;
  let most = 0;
  const { clock, loop } = loopOf({
    concurrency: 2,
    reconcile: async () => {
      most = Math.max(most, ++running);
      await clock.sleep(10);
      running--;
    },
  });
  loop.start();
  for (const key of ['a', 'b', 'c', 'd']) loop.enqueue(key);
  assert.equal(loop.length, 4);
  await clock.advance(100);
  assert.equal(most, 2);
  assert.equal(loop.length, 0);
  await loop.stop();
});

test('a reconcile that throws comes again, each time after twice the wait, and starts anew after a success', async () => {
  const at: number[] = [];
  let failing = true;
  const { clock, loop } = loopOf({
    reconcile: async () => {
      at.push(clock.now());
      if (failing) throw new Error('not yet');
    },
  });
  loop.start();
  loop.enqueue('a');
  await clock.advance(80);
  assert.deepEqual(at, [0, 5, 15, 35, 75]);
  failing = false;
  await clock.advance(80);
  failing = true;
  at.length = 0;
  const began = clock.now();
  loop.enqueue('a');
  await clock.advance(6);
  assert.deepEqual(
    at.map((time) => time - began),
    [0, 5],
  );
  await loop.stop();
  assert.equal(clock.pending, 0);
});

test('the wait after failures has an upper end', async () => {
  let runs = 0;
  const { clock, loop } = loopOf({
    backoff: { baseMilliseconds: 10, maximumMilliseconds: 100 },
    reconcile: async () => {
      runs++;
      throw new Error('never');
    },
  });
  loop.start();
  loop.enqueue('a');
  await clock.advance(1_000);
  assert.ok(runs >= 20 && runs <= 26, `${runs} runs`);
  await loop.stop();
});

test('a reconcile can ask to come again later, and the soonest of several waits holds', async () => {
  const at: number[] = [];
  const { clock, loop } = loopOf({
    reconcile: async () => {
      at.push(clock.now());
      return at.length < 3 ? { requeueAfterMilliseconds: 1_000 } : undefined;
    },
  });
  loop.start();
  loop.enqueueAfter('a', 5_000);
  loop.enqueueAfter('a', 100);
  loop.enqueueAfter('a', 9_000);
  await clock.advance(20_000);
  assert.deepEqual(at, [100, 1_100, 2_100]);
  await loop.stop();
});

test('stop aborts what runs, waits for it, and leaves no timer', async () => {
  let ended = false;
  const { clock, loop } = loopOf({
    reconcile: async (_key, signal) => {
      try {
        await clock.sleep(60_000, signal);
      } finally {
        ended = true;
      }
    },
  });
  loop.start();
  loop.enqueue('a');
  loop.enqueueAfter('b', 1_000);
  await clock.advance(1);
  await loop.stop();
  assert.equal(ended, true);
  assert.equal(clock.pending, 0);
  assert.equal(loop.length, 0);
});

test('what is enqueued before the start waits for it, and a stopped loop can start again', async () => {
  const seen: string[] = [];
  const { clock, loop } = loopOf({ reconcile: async (key) => void seen.push(key) });
  loop.enqueue('a');
  await clock.advance(10);
  assert.deepEqual(seen, []);
  loop.start();
  await clock.advance(0);
  await loop.stop();
  loop.start();
  loop.enqueue('b');
  await clock.advance(0);
  assert.deepEqual(seen, ['a', 'b']);
  await loop.stop();
});
