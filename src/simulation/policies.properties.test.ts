import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../clock/index.ts';
import { policyNames, simulate } from './policies.ts';
import { job, scenario } from './testing.ts';
import { Judge } from './world/judge.ts';
import { nodeWorld, poolWorld, type World } from './world/world.ts';

const GIB = 1024 ** 3;
/** Idle for 7 minutes of each 8; suspended after one. */
const SESSION = { bursts: 2, burstSeconds: 10, thinkSeconds: 30, idleSeconds: 420 };
const jobsArbitrary = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 0, max: 400 }),
      run: fc.integer({ min: 1, max: 2_000 }),
      over: fc.integer({ min: 0, max: 2_000 }),
      processors: fc.integer({ min: 1, max: 8 }),
      urgent: fc.integer({ min: 0, max: 3 }),
      gib: fc.integer({ min: 1, max: 6 }),
      dumpable: fc.integer({ min: 0, max: 4 }),
      session: fc.constantFrom(undefined, SESSION),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((shapes) => {
    let now = 0;
    return shapes.map(({ gap, run, over, processors, urgent, gib, dumpable, session }, index) => {
      now += gap;
      return job(index, now, run, processors, {
        walltimeSeconds: run + over,
        priority: urgent === 3 ? 400 : urgent * 100,
        memoryBytes: gib * GIB,
        checkpointable: dumpable > 0,
        ...(session === undefined ? {} : { session }),
      });
    });
  });

const NODES = ['a', 'b', 'c'].map((name) => ({ name, cpuMillicores: 4_000, memoryBytes: 8 * GIB, gpuMillis: 0 }));
const worldArbitrary = fc
  .record({
    pool: fc.boolean(),
    failures: fc.constantFrom(Infinity, 30_000),
    dumpFailureShare: fc.constantFrom(0, 0.3),
    store: fc.constantFrom(undefined, 50 * 1024 ** 2),
  })
  .map(({ pool, failures, dumpFailureShare, store }): World => {
    const costs = {
      nodeMtbfSeconds: failures,
      dumpFailureShare,
      ...(store === undefined ? {} : { storeBytesPerSecond: store }),
    };
    return pool ? poolWorld(12, costs) : nodeWorld(NODES, costs);
  });

for (const policy of policyNames().filter((name) => !['fcfs', 'easy', 'conservative'].includes(name))) {
  test(`${policy}: the invariants hold at every event, and everything ends, whatever comes`, () => {
    fc.assert(
      fc.property(jobsArbitrary, worldArbitrary, fc.integer(), (jobs, world, seed) => {
        const judge = new Judge();
        const outcome = simulate(
          policy,
          scenario(jobs, world, { judge, idleAfterSeconds: 60, random: seededRandom(seed) }),
        );
        assert.deepEqual(judge.violations, []);
        for (const [index, one] of jobs.entries()) {
          const ended = !Number.isNaN(outcome.endSeconds[index]);
          assert.ok(ended || outcome.rejected.has(index), `job ${one.id} is neither ended nor rejected`);
        }
      }),
      { numRuns: policy === 'fermata' ? 60 : 40 },
    );
  });
}

test('the same seed gives the same outcome', () => {
  const [jobs] = fc.sample(jobsArbitrary, { numRuns: 1, seed: 7 });
  if (jobs === undefined) return assert.fail();
  const world = nodeWorld(NODES, { nodeMtbfSeconds: 20_000, dumpFailureShare: 0.3 });
  const run = (seed: number) => simulate('fermata', scenario(jobs, world, { random: seededRandom(seed) }));
  assert.deepEqual(run(5), run(5));
  assert.notDeepEqual(run(5), run(6));
});
