import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { medianOf, RecentSamples } from './robust-median.ts';

test('the median of samples kept in order is that of the newest few sorted anew', () => {
  const positive = () => fc.double({ min: 0.001, max: 1_000, noNaN: true });
  fc.assert(
    fc.property(fc.array(positive(), { maxLength: 40 }), positive(), (measured, expected) => {
      const samples = new RecentSamples(7);
      for (const one of measured) samples.add(one);
      assert.equal(samples.medianWith(expected), medianOf([...measured.slice(-7), expected]));
    }),
  );
});
