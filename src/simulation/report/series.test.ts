import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from '../policies.ts';
import { job, scenario } from '../testing.ts';
import { poolWorld } from '../world/world.ts';
import { seriesOf } from './series.ts';

test('what processors did adds up to all of them at every step, with lost work taken from what was computed', () => {
  const jobs = [job(1, 0, 100, 4, { usedShare: 0.5 }), job(2, 40, 20, 4, { priority: 400 }), job(3, 160, 40, 1)];
  const window = { fromSeconds: 0, toSeconds: 200 };
  const outcome = simulate('kube-gang', scenario(jobs, poolWorld(4, { restartSeconds: 10 }), { window }));
  const { used, idle, overhead, lost, free, stepSeconds } = seriesOf(outcome, { jobs, window, capacity: 4, steps: 10 });
  assert.equal(stepSeconds, 20);
  const rounded = (values: number[]): number[] => values.map((value) => Math.round(value * 100) / 100);
  // 0–40 lost; 40–60 urgent; 60–70 restart; 70–170 half used; then 3.
  assert.deepEqual(rounded(lost), [4, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(rounded(overhead), [0, 0, 0, 2, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(rounded(used), [0, 0, 4, 1, 2, 2, 2, 2, 1.5, 1]);
  assert.deepEqual(rounded(idle), [0, 0, 0, 1, 2, 2, 2, 2, 1, 0]);
  for (let step = 0; step < 10; step++) {
    const sum = [used, idle, overhead, lost, free].reduce((total, layer) => total + (layer[step] ?? 0), 0);
    assert.ok(Math.abs(sum - 4) < 1e-9, `step ${step}: ${sum}`);
  }
});
