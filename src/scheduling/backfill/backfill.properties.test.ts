import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseWalltime } from '../../model/index.ts';
import { DEFAULT_PROFILE } from '../framework/profile.ts';
import { node, pod } from '../testing.ts';
import { Play } from '../testing-play.ts';
import type { BackfillOptions } from './backfill-dependencies.ts';

interface Job {
  readonly cpu: number;
  /** Seconds. */
  readonly runs: number;
  /** Seconds between its end and the end it announces; undefined: it announces none. */
  readonly spare: number | undefined;
  /** Seconds after the one before. */
  readonly after: number;
}

const jobs = (spare: fc.Arbitrary<number | undefined>) =>
  fc.array(
    fc.record<Job>({
      cpu: fc.integer({ min: 1, max: 6 }),
      runs: fc.integer({ min: 30, max: 900 }),
      spare,
      after: fc.nat(120),
    }),
    { minLength: 3, maxLength: 10 },
  );
const sizes = fc.array(fc.integer({ min: 4, max: 8 }), { minLength: 1, maxLength: 2 });

/** Those that fit into an empty node: others would wait for ever. */
const fitting = (cpus: readonly number[], all: readonly Job[]): Job[] =>
  all.filter(({ cpu }) => cpu <= Math.max(...cpus));

function schedule(options: BackfillOptions | undefined, cpus: readonly number[], all: readonly Job[]): Play {
  const plugins = options === undefined ? [] : [{ name: 'Backfill' }];
  const profile = {
    ...DEFAULT_PROFILE,
    plugins: [...DEFAULT_PROFILE.plugins, ...plugins],
    args: { Backfill: options },
  };
  const nodes = cpus.map((cpu, index) => node(`n${index}`).allocatable({ cpu: String(cpu), memory: '64Gi' }));
  const world = new Play({ profile }, nodes);
  let when = 0;
  all.forEach(({ cpu, runs, spare, after }, index) => {
    when += after * 1_000;
    const builder = pod(`j${index}`).requests({ cpu: String(cpu), memory: '256Mi' });
    if (spare !== undefined) builder.walltime(`${runs + spare}s`);
    world.submit(builder, { when, runs: runs * 1_000 });
  });
  return world.play(12 * 3_600_000);
}

/**
 * By when each pod is to start, ms: what was reserved for it when every pod ahead of it had started, or had a reservation
 * itself. Pods ahead whose start nobody can foretell may take the room whenever it suits them.
 */
function promises(world: Play): Map<string, number> {
  const first = new Map<string, number>();
  for (const { now, decision } of world.decided) {
    if (decision.type !== 'Unschedulable' || first.has(decision.pod.name)) continue;
    const told = /is reserved for it in (\S+),/.exec(decision.message)?.[1];
    if (told === undefined) continue;
    const number = Number(decision.pod.name.slice(1));
    const ahead = [...Array(number).keys()].map((other) => `j${other}`);
    if (ahead.every((other) => (world.startOf(other) ?? Infinity) <= now || first.has(other))) {
      first.set(decision.pod.name, now + parseWalltime(told));
    }
  }
  return first;
}

for (const reservations of [1, 100]) {
  test(`with ${reservations} reservation(s) every promised start is kept, whatever is backfilled`, () => {
    const spare = fc.option(fc.nat(600), { nil: undefined, freq: 4 });
    fc.assert(
      fc.property(sizes, jobs(spare), (cpus, all) => {
        const world = schedule({ reservations, interruptible: false }, cpus, fitting(cpus, all));
        for (const [name, at] of promises(world)) {
          const start = world.startOf(name) ?? Infinity;
          assert.ok(start <= at, `${name} was promised ${at} and began at ${start}`);
        }
      }),
      { numRuns: 80 },
    );
  });
}

test('the first that has to wait starts no later than if nobody came after it', () => {
  fc.assert(
    fc.property(sizes, jobs(fc.constant(0)), (cpus, all) => {
      const run = fitting(cpus, all);
      const world = schedule({ interruptible: false }, cpus, run);
      const [name] = promises(world).keys();
      if (name === undefined) return;
      const alone = schedule(undefined, cpus, run.slice(0, Number(name.slice(1)) + 1));
      const [start = Infinity, want = Infinity] = [world.startOf(name), alone.startOf(name)];
      assert.ok(start <= want, `${name} began at ${start}, without the others at ${want}`);
    }),
    { numRuns: 80 },
  );
});

test('guests are away in time: who has the first promise keeps it, and everybody comes to an end', () => {
  const spare = fc.option(fc.nat(600), { nil: undefined, freq: 2 });
  fc.assert(
    fc.property(sizes, jobs(spare), (cpus, all) => {
      const run = fitting(cpus, all);
      const world = schedule({}, cpus, run);
      const [first] = promises(world);
      if (first !== undefined) {
        const [name, at] = first;
        const start = world.startOf(name) ?? Infinity;
        assert.ok(start <= at, `${name} was promised ${at} and began at ${start}`);
      }
      assert.deepEqual(world.waiting, []);
      // Nothing that was computed is lost: all runs of a job together are as long as the job.
      run.forEach(({ runs }, index) => {
        const ran = world.runsOf(`j${index}`).reduce((sum, { from, until }) => sum + until - from, 0);
        assert.equal(ran, runs * 1_000, `j${index}`);
      });
    }),
    { numRuns: 80 },
  );
});
