import assert from 'node:assert/strict';
import { test } from 'node:test';
import { job } from '../testing.ts';
import { meanUse, peakUse } from './use.ts';

const HOUR = 3_600;

test('a service uses most in the afternoon, and its share on average over a day', () => {
  const service = job(1, 0, 1, 1, { usedShare: 0.2, useCurve: 'diurnal' });
  const hours = Array.from({ length: 24 }, (_, hour) => peakUse(service, { now: hour * HOUR, doneSeconds: 0 }, 60));
  assert.equal(hours.indexOf(Math.max(...hours)), 15);
  assert.ok(Math.abs(hours.reduce((sum, one) => sum + one, 0) / 24 - 0.2) < 1e-9);
});

test('a session is seen busy in a burst, and by who looks seldom soon after it', () => {
  const session = { bursts: 1, burstSeconds: 180, thinkSeconds: 0, idleSeconds: 1_620 };
  const one = job(1, 100, 1, 1, { usedShare: 0.1, session });
  const at = (into: number, seconds: number) => peakUse(one, { now: 0, doneSeconds: 7 * 1_800 + into }, seconds);
  assert.deepEqual([at(1, 1), at(180, 1), at(182, 1), at(1_799, 1)], [1, 1, 0, 0]);
  assert.deepEqual([at(400, 300), at(500, 300)], [1, 0]);
  assert.equal(meanUse(one, 0, 360), 0.5);
});
