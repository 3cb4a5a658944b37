import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Outcome } from '../outcome.ts';
import { simulate } from '../policies.ts';
import { job, scenario } from '../testing.ts';
import type { TraceJob } from '../trace/trace-job.ts';

const PROCESSORS = 8;
const jobsArbitrary = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 0, max: 20 }),
      run: fc.integer({ min: 1, max: 50 }),
      over: fc.integer({ min: 0, max: 40 }),
      processors: fc.integer({ min: 1, max: PROCESSORS + 1 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((shapes) => {
    let now = 0;
    return shapes.map(({ gap, run, over, processors }, index) => {
      now += gap;
      return job(index, now, run, processors, { walltimeSeconds: run + over });
    });
  });

function run(policy: string, jobs: TraceJob[]): Outcome {
  return simulate(policy, scenario(jobs, PROCESSORS));
}

for (const policy of ['fcfs', 'easy', 'conservative']) {
  test(`${policy}: every job ends or is rejected, none early, nobody shares a processor, and seconds add up`, () => {
    fc.assert(
      fc.property(jobsArbitrary, (jobs) => {
        const outcome = run(policy, jobs);
        let work = 0;
        for (const [index, one] of jobs.entries()) {
          if (one.processors > PROCESSORS) {
            assert.ok(outcome.rejected.has(index));
            continue;
          }
          work += one.processors * one.runSeconds;
          const start = outcome.startSeconds[index] ?? Number.NaN;
          assert.ok(start >= one.submitSeconds);
          assert.equal(outcome.endSeconds[index], start + one.runSeconds);
        }
        assert.equal(outcome.uses.compute.all, work);
        for (const { fromSeconds } of outcome.segments ?? []) {
          const held = (outcome.segments ?? [])
            .filter((one) => one.fromSeconds <= fromSeconds && fromSeconds < one.toSeconds)
            .reduce((sum, one) => sum + one.processors, 0);
          assert.ok(held <= PROCESSORS);
        }
      }),
    );
  });
}

/** EASY without any shortcut: everything is worked out anew at every instant. */
function plainEasy(jobs: TraceJob[]): number[] {
  const start = jobs.map(() => Number.NaN);
  const fits = (index: number): number => jobs[index]?.processors ?? 0;
  const runs = (index: number): number => jobs[index]?.runSeconds ?? 0;
  const estimate = (index: number): number => jobs[index]?.walltimeSeconds ?? 0;
  const usable = jobs.map((_, index) => index).filter((index) => fits(index) <= PROCESSORS);
  for (let now = 0; usable.some((index) => Number.isNaN(start[index])); now++) {
    const running = (): number[] =>
      usable.filter((one) => (start[one] ?? NaN) <= now && now < (start[one] ?? 0) + runs(one));
    const free = (): number => PROCESSORS - running().reduce((sum, one) => sum + fits(one), 0);
    const waiting = (): number[] =>
      usable.filter((one) => Number.isNaN(start[one]) && (jobs[one]?.submitSeconds ?? 0) <= now);
    for (let head = waiting()[0]; head !== undefined && fits(head) <= free(); head = waiting()[0]) start[head] = now;
    const [head, ...others] = waiting();
    if (head === undefined) continue;
    const expected = (one: number): number => (start[one] ?? 0) + estimate(one);
    let available = free();
    let shadow = now;
    for (const one of running().sort((a, b) => expected(a) - expected(b) || fits(a) - fits(b))) {
      if (available >= fits(head)) break;
      available += fits(one);
      shadow = expected(one);
    }
    let extra = available - fits(head);
    for (const one of others) {
      if (fits(one) > free()) continue;
      const endsInTime = now + estimate(one) <= shadow;
      if (!endsInTime && fits(one) > extra) continue;
      if (!endsInTime) extra -= fits(one);
      start[one] = now;
    }
  }
  return start;
}

test('easy: the kept reservation gives the schedule of one worked out anew every second', () => {
  fc.assert(
    fc.property(jobsArbitrary, (jobs) => {
      assert.deepEqual([...run('easy', jobs).startSeconds], plainEasy(jobs));
    }),
    { numRuns: 60 },
  );
});
