import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from './policies.ts';
import { Precedence, readyTimes } from './precedence.ts';
import { job, scenario } from './testing.ts';
import { nodeWorld } from './world/world.ts';

/** 1, then 2 and 3 beside each other, then 4. */
const DIAMOND = [
  job(1, 0, 10, 1),
  job(2, 0, 20, 1, { after: ['1'] }),
  job(3, 5, 40, 1, { after: ['1'] }),
  job(4, 0, 10, 1, { after: ['2', '3', '2'] }),
];

test('a job is due when the last of those it waits for is over', () => {
  const precedence = new Precedence(DIAMOND);
  assert.deepEqual(
    [0, 1, 2, 3].map((index) => precedence.isLed(index)),
    [false, true, true, true],
  );
  assert.deepEqual(precedence.over(0), [1, 2]);
  assert.deepEqual(precedence.over(2), []);
  assert.deepEqual(precedence.over(1), [3]);
});

test('branches run beside each other, in pools and on nodes', () => {
  const node = { name: 'n', cpuMillicores: 4_000, memoryBytes: 64 * 1024 ** 3, gpuMillis: 0 };
  for (const policy of ['fcfs', 'kube-gang', 'fermata']) {
    const { startSeconds, endSeconds } = simulate(policy, scenario(DIAMOND, policy === 'fcfs' ? 4 : nodeWorld([node])));
    assert.deepEqual([...startSeconds], [0, 10, 10, 50], policy);
    assert.deepEqual([...readyTimes(DIAMOND, endSeconds)], [0, 10, 10, 50], policy);
  }
});

test('who waited for a job that was rejected goes on without it, and has a wait', () => {
  const jobs = [job(1, 0, 10, 9), job(2, 3, 10, 1, { after: ['1'] })];
  const { startSeconds, endSeconds } = simulate('kube-gang', scenario(jobs, 4));
  assert.equal(startSeconds[1], 3);
  assert.deepEqual([...readyTimes(jobs, endSeconds)], [0, 3]);
});
