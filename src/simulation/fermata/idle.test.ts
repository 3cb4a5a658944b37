import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../outcome.ts';
import { type Scenario, simulate } from '../policies.ts';
import { job, scenario } from '../testing.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import { Judge } from '../world/judge.ts';
import { DEFAULT_COSTS, nodeWorld } from '../world/world.ts';

const GIB = 1024 ** 3;
const NODE = { name: 'n0', cpuMillicores: 4_000, memoryBytes: 64 * GIB, gpuMillis: 0 };
/** Dumps of 10 s, restores of 5 s. */
const WORLD = nodeWorld([NODE], { ...DEFAULT_COSTS, dumpSeconds: 10, restoreSeconds: 5, nodeBytesPerSecond: Infinity });
/** Bursts at 0–100 and 200–300 of each 4,000 s; it is closed after two of them. */
const SESSION = { bursts: 2, burstSeconds: 100, thinkSeconds: 100, idleSeconds: 3_700 };
const NOTEBOOK = job(1, 0, 8_000, 4, { priority: 100, session: SESSION, usedShare: 0.05, tasks: 1 });

function run(jobs: TraceJob[], more: Partial<Scenario> = {}): Outcome {
  const judge = new Judge();
  const window = { fromSeconds: 0, toSeconds: 8_000 };
  const outcome = simulate('fermata', scenario(jobs, WORLD, { judge, window, ...more }));
  assert.deepEqual(judge.violations, []);
  return outcome;
}

test('idle: a notebook sleeps when it did nothing for ten minutes, is back at its next burst, and its user waits for the restore', () => {
  const { sleeps, wakeSeconds, endSeconds, uses, used, preemptions, lost } = run([NOTEBOOK]);
  assert.equal(sleeps, 2);
  assert.deepEqual(wakeSeconds, [5]);
  // Nobody uses it after its last burst: it ends where it sleeps, late by what the user waited.
  assert.equal(endSeconds[0], 8_005);
  // Awake until 900 of each round.
  assert.equal(uses.compute.all, 4 * 2 * 900);
  assert.equal(used.all, 4 * 400);
  assert.equal(preemptions, 0);
  assert.equal(lost.preemption.all, 0);
});

test('idle: others have its room meanwhile, and it waits for them when it wakes', () => {
  const batch = job(2, 500, 4_000, 4, { tasks: 1 });
  const { startSeconds, wakeSeconds } = run([NOTEBOOK, batch]);
  assert.equal(startSeconds[1], 910);
  assert.ok((wakeSeconds[0] ?? 0) >= 910 + 4_000 - 4_000 + 5, `${wakeSeconds[0]} s`);
});

test('idle: without it, or with longer patience, the notebook holds its room all the time', () => {
  for (const more of [
    { without: ['idle' as const] },
    { without: ['checkpoint' as const] },
    { idleAfterSeconds: 3_700 },
  ]) {
    const { sleeps, uses, endSeconds } = run([NOTEBOOK], more);
    assert.deepEqual([sleeps, uses.compute.all, endSeconds[0]], [0, 4 * 8_000, 8_000]);
  }
});

test('idle: a dump that fails leaves it running, and is tried again ten minutes later', () => {
  const chances = [0.1, 0.9, 0.9, 0.9];
  const world = { ...WORLD, costs: { ...WORLD.costs, dumpFailureShare: 0.5 } };
  const { sleeps, dumpsFailed, uses } = run([NOTEBOOK], { world, random: () => chances.shift() ?? 0.9 });
  assert.equal(dumpsFailed, 1);
  assert.equal(sleeps, 2);
  assert.equal(uses.compute.all, 4 * (900 + 600 + 900));
});
