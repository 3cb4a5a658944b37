import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from '../policies.ts';
import { job, scenario } from '../testing.ts';
import type { TraceJob } from '../trace/trace-job.ts';

const starts = (policy: string, jobs: TraceJob[], processors: number): (number | string)[] => {
  const outcome = simulate(policy, scenario(jobs, processors));
  return jobs.map((_, index) => outcome.rejected.get(index) ?? outcome.startSeconds[index] ?? Number.NaN);
};

/** Four processors. 1 runs on 3; 2 wants all four; 3 is small and short, 4 small and long, 5 wants two. */
const JOBS = [job(1, 0, 100, 3), job(2, 1, 50, 4), job(3, 2, 98, 1), job(4, 3, 200, 1), job(5, 4, 10, 2)];

test('fcfs: nobody overtakes', () => {
  // 1: 0–100. 2: 100–150. 3, 4 and 5 together at 150.
  assert.deepEqual(starts('fcfs', JOBS, 4), [0, 100, 150, 150, 150]);
});

test('easy: who ends by the reservation overtakes, who would delay it does not', () => {
  // 3 ends at 100, when the head is due: it starts at once. 4 would run until 203.
  assert.deepEqual(starts('easy', JOBS, 4), [0, 100, 2, 150, 150]);
});

test('easy: processors the head leaves over may be held beyond its start', () => {
  // At 100 the head takes four of five: one is left over for 3, however long it runs; 4 finds none.
  const jobs = [job(1, 0, 100, 3), job(2, 1, 50, 4), job(3, 2, 1_000, 1), job(4, 3, 1_000, 1)];
  assert.deepEqual(starts('easy', jobs, 5), [0, 100, 2, 150]);
});

test('easy: the head starts when a job ends before its walltime', () => {
  const jobs = [job(1, 0, 40, 4, { walltimeSeconds: 1_000 }), job(2, 1, 10, 4), job(3, 2, 10, 1)];
  assert.deepEqual(starts('easy', jobs, 4), [0, 40, 50]);
});

test('conservative: nobody delays any reservation, not only that of the head', () => {
  // 2 is due at 100 and leaves one over; 3 needs all at 150. Under easy 4 takes that one at once, until 203.
  const jobs = [job(1, 0, 100, 4), job(2, 1, 50, 4), job(3, 2, 10, 5), job(4, 3, 200, 1)];
  assert.deepEqual(starts('easy', jobs, 5), [0, 100, 203, 3]);
  assert.deepEqual(starts('conservative', jobs, 5), [0, 100, 150, 160]);
});

test('conservative: an early end moves the others forward in order of submission', () => {
  const jobs = [job(1, 0, 30, 4, { walltimeSeconds: 100 }), job(2, 1, 50, 2), job(3, 2, 50, 2), job(4, 3, 50, 2)];
  assert.deepEqual(starts('conservative', jobs, 4), [0, 30, 30, 80]);
});

test('at one instant ends come before submissions', () => {
  assert.deepEqual(starts('fcfs', [job(1, 0, 10, 4), job(2, 10, 5, 4)], 4), [0, 10]);
});

test('a job larger than the machine is rejected with the reason, and what follows it goes on', () => {
  const jobs = [job(1, 0, 10, 5), job(2, 0, 10, 4, { after: ['1'] }), job(3, 1, 10, 4)];
  assert.deepEqual(starts('easy', jobs, 4), ['needs 5 processors of 4', 0, 10]);
});

test('a job of a pipeline comes when the one before it has ended', () => {
  const jobs = [job(1, 0, 30, 1), job(2, 0, 10, 1, { after: ['1'] }), job(3, 0, 10, 1)];
  assert.deepEqual(starts('fcfs', jobs, 4), [0, 30, 0]);
});

test('a policy that does not exist is an error with those that do', () => {
  assert.throws(() => starts('lottery', JOBS, 4), { code: 'PolicyUnknown', nextStep: /fcfs, easy, conservative/ });
});
