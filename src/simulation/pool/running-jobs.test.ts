import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RunningJobs } from './running-jobs.ts';

test('running jobs are in order, whatever comes and goes', () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 1e6 }), { minLength: 600, maxLength: 3_000, size: 'max' });
  fc.assert(
    fc.property(numbers, fc.nat(10), (all, every) => {
      const jobs = new RunningJobs((one, other) => one < other);
      for (const job of all) jobs.add(job);
      const gone = all.filter((_, index) => index % (every + 1) === 0);
      for (const job of gone) jobs.delete(job);
      jobs.delete(-1);
      const left = all.filter((job) => !gone.includes(job)).sort((one, other) => one - other);
      assert.deepEqual([...jobs], left);
    }),
    { numRuns: 10 },
  );
});
