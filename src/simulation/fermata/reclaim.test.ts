import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from '../policies.ts';
import { job, scenario } from '../testing.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import { Judge } from '../world/judge.ts';
import { nodeWorld } from '../world/world.ts';

const GIB = 1024 ** 3;
const NODE = { name: 'n0', cpuMillicores: 8_000, memoryBytes: 64 * GIB, gpuMillis: 0 };
const DAY = 86_400;

/** Somebody holds the whole node for a day and uses little of it; an opportunistic job of 2000 s comes at 1000. */
function besides(use: Partial<TraceJob>, without: 'reclaim'[] = []) {
  const judge = new Judge();
  const jobs = [
    job(1, 0, DAY, 8, { priority: 100, usedShare: 0.2, ...use, checkpointable: false }),
    job(2, 1_000, 2_000, 4, { isOpportunistic: true }),
  ];
  const window = { fromSeconds: 0, toSeconds: DAY };
  const outcome = simulate('fermata', scenario(jobs, nodeWorld([NODE]), { judge, without, window }));
  assert.deepEqual(judge.violations, []);
  return outcome;
}

test('reclaim: an opportunistic job runs in what a service holds and does not use, once that was watched', () => {
  const { startSeconds, endSeconds, guests, preemptions } = besides({ useCurve: 'diurnal' });
  const [, start = 0] = startSeconds;
  assert.ok(start > 1_600 && start < 3_000, `started at ${start}`);
  assert.equal(endSeconds[1], start + 2_000);
  assert.equal(guests.all, 4 * 2_000);
  assert.equal(preemptions, 0);
});

test('reclaim: without it the job waits for room of its own', () => {
  assert.ok((besides({ useCurve: 'diurnal' }, ['reclaim']).startSeconds[1] ?? 0) >= DAY);
});

test('reclaim: the job gives way when a session bursts, and loses nothing', () => {
  const { endSeconds, lost, preemptions, restores } = besides({
    session: { bursts: 1, burstSeconds: 360, thinkSeconds: 0, idleSeconds: 1_440 },
  });
  assert.ok(preemptions > 0 && restores > 0);
  assert.equal(lost.preemption.all, 0);
  assert.ok((endSeconds[1] ?? Number.NaN) < DAY);
});
