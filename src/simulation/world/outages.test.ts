import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../clock/index.ts';
import { simulate } from '../policies.ts';
import { job, scenario } from '../testing.ts';
import { Judge } from './judge.ts';
import { outageSources } from './outages.ts';
import { DEFAULT_COSTS, nodeWorld, type WorldCosts } from './world.ts';

const GIB = 1024 ** 3;
const COSTS: Partial<WorldCosts> = { dumpSeconds: 10, restoreSeconds: 5, nodeBytesPerSecond: Infinity };
const nodes = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    name: `n${index}`,
    cpuMillicores: 4_000,
    memoryBytes: 64 * GIB,
    gpuMillis: 0,
  }));

test('a rack fails with all its nodes, the last one with those that are left', () => {
  const costs = { ...DEFAULT_COSTS, rackNodes: 2, rackMtbfSeconds: 1_000, bootSeconds: 30 };
  const [, rack] = outageSources(nodeWorld(nodes(3), costs), seededRandom(1));
  const seen = new Set<string>();
  for (let count = 0, now = 0; count < 50; count++) {
    const outage = rack?.(now);
    assert.ok(outage !== undefined && outage.at > now);
    assert.equal(outage.seconds, 600 + 30);
    now = outage.at;
    seen.add(outage.nodes.join());
  }
  assert.deepEqual([...seen].sort(), ['0,1', '2']);
});

/** A node that is drained at 5000 for 500 s and boots for 100; a job of 500 s has run on it for 100 s. */
function drainedAt5000(policy: string, without: 'drain'[] = []) {
  const judge = new Judge();
  const costs = { ...COSTS, drainEverySeconds: 5_000, drainSeconds: 500, bootSeconds: 100 };
  const jobs = [job(1, 0, 4_900, 4), job(2, 4_900, 500, 4)];
  const outcome = simulate(policy, scenario(jobs, nodeWorld(nodes(1), costs), { judge, without }));
  assert.deepEqual(judge.violations, []);
  return outcome;
}

test('drained with fermata: it goes on from its checkpoint when the node is back', () => {
  const { endSeconds, lost, migrations, drains } = drainedAt5000('fermata');
  // The node takes pods again at 5600; restored at 5605, 400 s are left.
  assert.deepEqual([...endSeconds], [4_900, 6_005]);
  assert.deepEqual([lost.drain.all, migrations, drains], [0, 1, 1]);
});

for (const [label, policy, without] of [
  ['kube-gang', 'kube-gang', []],
  ['fermata without it', 'fermata', ['drain']],
] as const) {
  test(`drained with ${label}: what it did is lost`, () => {
    const { endSeconds, lost } = drainedAt5000(policy, [...without]);
    // It starts again at 5600, after 10 s.
    assert.deepEqual([...endSeconds], [4_900, 6_110]);
    assert.equal(lost.drain.all, 4 * 100);
  });
}
