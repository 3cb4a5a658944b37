import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DecayedUsage } from './decayed-usage.ts';

const DAY = 86_400_000;

test('what was used counts half after a half-life, a quarter after two', () => {
  const usage = new DecayedUsage(DAY);
  usage.change(2, 0);
  usage.change(-2, 1_000);
  const fresh = usage.at(1_000);
  assert.ok(Math.abs(fresh - 2) < 1e-4, `${fresh}`);
  assert.ok(Math.abs(usage.at(1_000 + DAY) - fresh / 2) < 1e-9);
  assert.ok(Math.abs(usage.at(1_000 + 2 * DAY) - fresh / 4) < 1e-9);
});

test('without decay it is the plain sum of amount and time', () => {
  const usage = new DecayedUsage(Infinity);
  usage.change(3, 10_000);
  usage.change(-1, 20_000);
  assert.equal(usage.at(25_000), 3 * 10 + 2 * 5);
});

test('use that lasts for ever comes to its steady state', () => {
  const usage = new DecayedUsage(DAY);
  usage.change(1, 0);
  assert.ok(Math.abs(usage.at(100 * DAY) - DAY / 1000 / Math.LN2) < 1e-3);
});

test('the sum does not depend on how often it is looked at or changed by nothing', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ after: fc.nat(100_000), amount: fc.integer({ min: -3, max: 5 }), look: fc.boolean() })),
      (steps) => {
        const often = new DecayedUsage(50_000);
        const seldom = new DecayedUsage(50_000);
        let now = 0;
        for (const { after, amount, look } of steps) {
          now += after;
          if (look) often.change(0, now - after / 2);
          often.change(amount, now);
          seldom.change(amount, now);
        }
        assert.ok(Math.abs(often.at(now + 1_000) - seldom.at(now + 1_000)) < 1e-6);
      },
    ),
  );
});

test('what is told afterwards counts as if it had been seen', () => {
  const seen = new DecayedUsage(DAY);
  seen.change(2, DAY);
  seen.change(-2, 2 * DAY);
  const told = new DecayedUsage(DAY);
  told.addPast(2, DAY, 2 * DAY);
  assert.ok(Math.abs(seen.at(3 * DAY) - told.at(3 * DAY)) < 1e-6);
});
