import assert from 'node:assert/strict';
import { test } from 'node:test';
import { job } from '../testing.ts';
import { peakUse } from './use.ts';

const HOUR = 3_600;

test('a service uses most in the afternoon, and its share on average over a day', () => {
  const service = job(1, 0, 1, 1, { usedShare: 0.2, useCurve: 'diurnal' });
  const hours = Array.from({ length: 24 }, (_, hour) => peakUse(service, hour * HOUR, 60));
  assert.equal(hours.indexOf(Math.max(...hours)), 15);
  assert.ok(Math.abs(hours.reduce((sum, one) => sum + one, 0) / 24 - 0.2) < 1e-9);
});

test('a session bursts for its share of each half hour; who looks seldom sees the burst before', () => {
  const session = job(1, 100, 1, 1, { usedShare: 0.1, useCurve: 'bursts' });
  const at = (into: number, seconds = 0) => peakUse(session, 100 + 7 * 1_800 + into, seconds);
  assert.deepEqual([at(0), at(179), at(181), at(1_799)], [1, 1, 0, 0]);
  assert.deepEqual([at(400, 300), at(500, 300)], [1, 0]);
});
