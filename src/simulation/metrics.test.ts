import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distribution, type Metrics, measure } from './metrics.ts';
import { simulate } from './policies.ts';
import { job, scenario } from './testing.ts';
import type { TraceJob } from './trace/trace-job.ts';

function metricsOf(
  policy: string,
  jobs: TraceJob[],
  processors: number,
  window?: { fromSeconds: number; toSeconds: number },
): Metrics {
  const tried = scenario(jobs, processors, window === undefined ? {} : { window });
  const outcome = simulate(policy, tried);
  const { window: reckoned } = tried;
  return measure({
    policy,
    jobs,
    outcome,
    window: reckoned,
    capacityProcessors: processors,
    rejectedLines: 3,
    seed: 9,
    elapsedSeconds: 2,
  });
}

test('percentiles are the value at the rank below which that share lies', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(distribution(values), { mean: 50.5, p50: 51, p95: 96, p99: 100 });
  assert.deepEqual(distribution([]), { mean: 0, p50: 0, p95: 0, p99: 0 });
});

test('shares are of capacity × window, whatever lies outside of it', () => {
  // Killed at 100 of 300; then 300 s from 160 on: 10 s to start again.
  const jobs = [job(1, 0, 300, 4, { usedShare: 0.5 }), job(2, 100, 50, 4, { priority: 400 })];
  const { utilizationAllocated, utilizationUsed, lostWork, overhead, goodput, ...others } = metricsOf(
    'kube-gang',
    jobs,
    4,
    {
      fromSeconds: 50,
      toSeconds: 250,
    },
  );
  assert.equal(utilizationAllocated, 1);
  assert.equal(lostWork, 50 / 200);
  assert.equal(overhead, 10 / 200);
  assert.equal(goodput, 140 / 200);
  assert.equal(utilizationUsed, (25 + 50 + 45) / 200);
  assert.equal(others.lostOfUseful, 100 / 350);
  assert.deepEqual(others.urgentWaitSeconds, { mean: 0, p50: 0, p95: 0, p99: 0 });
  assert.equal(others.rejected, 3);
  assert.equal(others.unfinished, 0);
  assert.equal(others.makespanSeconds, 460);
});

test('slowdowns of jobs shorter than 10 s count as if they took 10, and users are compared by theirs', () => {
  const jobs = [job(1, 0, 100, 1, { user: 'a' }), job(2, 0, 1, 1, { user: 'b' }), job(3, 0, 100, 1, { user: 'b' })];
  const { boundedSlowdown, unfairness } = metricsOf('fcfs', jobs, 1);
  // 1; 101 ÷ 10; 201 ÷ 100.
  assert.equal(boundedSlowdown.mean, (1 + 10.1 + 2.01) / 3);
  const [a, b] = [1, (10.1 + 2.01) / 2];
  assert.ok(Math.abs(unfairness - Math.abs(a - b) / (a + b)) < 1e-12);
});

test('a step of a pipeline waits from the end of the one before', () => {
  const jobs = [job(1, 0, 100, 1), job(2, 0, 10, 1, { after: ['1'] })];
  assert.deepEqual(metricsOf('easy', jobs, 4).waitSeconds, { mean: 0, p50: 0, p95: 0, p99: 0 });
});

test('who is too large is rejected, and in no mean', () => {
  const { rejected, completed, waitSeconds } = metricsOf('easy', [job(1, 0, 10, 9), job(2, 0, 10, 4)], 4);
  assert.deepEqual([rejected, completed, waitSeconds.mean], [4, 1, 0]);
});

test('deadlines count from when a job could begin; what never ended has missed its own', () => {
  const jobs = [
    job(1, 0, 100, 4, { deadlineSeconds: 100 }),
    job(2, 0, 50, 4, { deadlineSeconds: 149 }),
    job(3, 0, 10, 4, { after: ['1'], deadlineSeconds: 70 }),
    job(4, 0, 10, 4),
  ];
  const { deadlines, deadlineMisses } = metricsOf('fcfs', jobs, 4);
  assert.deepEqual([deadlines, deadlineMisses], [3, 1]);
});

test('energy: idle watts all the time, and what is used beside', () => {
  const tried = scenario([job(1, 0, 1_800, 2, { usedShare: 0.5 }), job(2, 3_600, 10, 4)], 4);
  const outcome = simulate('fcfs', tried);
  const common = { policy: 'fcfs', jobs: tried.jobs, outcome, window: tried.window, capacityProcessors: 4 };
  const input = { ...common, rejectedLines: 0, seed: 1, elapsedSeconds: 1 };
  assert.equal(measure(input).energyKilowattHours, null);
  // An hour: 400 W, and an eighth of the processors' time at 800 W more.
  assert.equal(measure({ ...input, watts: { idle: 400, busy: 1_200 } }).energyKilowattHours, 0.4 + 0.1);
});
