import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { busySeconds, idleFor, nextBurst, roundOf } from './session.ts';

/** Busy at 0–60 and 360–420 of every 7620 seconds. */
const SESSION = { bursts: 2, burstSeconds: 60, thinkSeconds: 300, idleSeconds: 7_200 };

test('bursts follow each other with time to think, then nobody is there', () => {
  assert.equal(roundOf(SESSION), 7_620);
  assert.deepEqual(
    [0, 59, 60, 359, 360, 420, 7_619, 7_620].map((at) => nextBurst(SESSION, at)),
    [0, 59, 360, 360, 360, 7_620, 7_620, 7_620],
  );
});

test('it is idle for ten minutes first after the last burst of a round, for four after each', () => {
  assert.equal(idleFor(SESSION, 0, 600), 1_020);
  assert.equal(idleFor(SESSION, 2_000, 600), 2_000);
  assert.equal(idleFor(SESSION, 7_620, 600), 8_640);
  assert.equal(idleFor(SESSION, 0, 240), 300);
  assert.equal(idleFor(SESSION, 0, 7_200), Infinity);
});

test('one without pauses is never idle', () => {
  assert.equal(idleFor({ bursts: 1, burstSeconds: 10, thinkSeconds: 5, idleSeconds: 0 }, 3, 0), Infinity);
});

test('busy seconds add up, whatever is taken apart', () => {
  assert.equal(busySeconds(SESSION, 30, 400), 30 + 40);
  assert.equal(busySeconds(SESSION, 0, 10 * 7_620), 10 * 120);
  const progress = fc.integer({ min: 0, max: 50_000 });
  fc.assert(
    fc.property(progress, progress, progress, (...at) => {
      const [from = 0, middle = 0, to = 0] = at.sort((one, other) => one - other);
      const whole = busySeconds(SESSION, from, to);
      assert.ok(
        Math.abs(whole - busySeconds(SESSION, from, middle) - busySeconds(SESSION, middle, to)) < 1e-6,
        `${from} ${middle} ${to}`,
      );
    }),
  );
});
