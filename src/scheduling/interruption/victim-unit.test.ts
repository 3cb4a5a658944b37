import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { EPOCH, node, pod } from '../testing.ts';
import { VictimTable } from './victim-table.ts';
import {
  byImportance,
  costOf,
  groupUnit,
  type PricedPod,
  singleUnit,
  upstreamImportance,
  type VictimUnit,
} from './victim-unit.ts';

const cluster = new Cluster();
for (const name of ['n1', 'n2']) cluster.setNode(node(name).build());
const [n1, n2] = [cluster.node('n1'), cluster.node('n2')];
assert.ok(n1 !== undefined && n2 !== undefined);

const info = (name: string, priority = 1, startedAt = 0) =>
  podInfo(pod(name).priority(priority).on('n1', startedAt).build(), cluster.space, cluster.templates);
const priced = (
  name: string,
  cost: number,
  { perFurtherDump = 0, terminate = Infinity, on = n1, priority = 1, startedAt = 0 } = {},
): PricedPod => ({
  pod: info(name, priority, startedAt),
  node: on,
  permission: { checkpoint: true, terminate: terminate < Infinity },
  checkpoint: cost === Infinity ? undefined : { cost, perFurtherDump },
  terminate,
});

test('of one pod the cheaper action is taken, and on a tie the one that loses nothing', () => {
  const action = (cost: number, terminate: number) => {
    const unit = singleUnit(priced('a', cost, { perFurtherDump: 1, terminate }));
    return [unit.members[0]?.action, unit.cost, unit.dumps, unit.costPerFurtherDump];
  };
  assert.deepEqual(action(2, 3), ['Checkpoint', 2, 1, 1]);
  assert.deepEqual(action(3, 3), ['Checkpoint', 3, 1, 1]);
  assert.deepEqual(action(4, 3), ['Terminate', 3, 0, 0]);
  assert.deepEqual(action(Infinity, 3), ['Terminate', 3, 0, 0]);
});

test('dumps at once cost more together: each pays for the others, terminations for none', () => {
  const one = singleUnit(priced('a', 10, { perFurtherDump: 1 }));
  const two = singleUnit(priced('b', 20, { perFurtherDump: 2 }));
  const killed = singleUnit(priced('c', Infinity, { terminate: 5 }));
  assert.equal(costOf([]), 0);
  assert.equal(costOf([one]), 10);
  assert.equal(costOf([one, two]), 33);
  assert.equal(costOf([one, two, killed]), 38);
  const three = singleUnit(priced('d', 30, { perFurtherDump: 3 }));
  assert.equal(costOf([one, two, three]), 10 + 20 + 30 + 2 * (1 + 2 + 3));
});

test('a group is dumped at the cost of members that share a node, and counts here only those that are here', () => {
  const members = [
    priced('a', 10, { perFurtherDump: 1, priority: 3, startedAt: 5_000 }),
    priced('b', 20, { perFurtherDump: 2, priority: 1, startedAt: 3_000 }),
    priced('c', 30, { perFurtherDump: 4, on: n2, priority: 2, startedAt: 9_000 }),
  ];
  const here = groupUnit('g', members, n1);
  assert.equal(here?.cost, 11 + 22 + 30);
  assert.deepEqual([here?.dumps, here?.costPerFurtherDump], [2, 3]);
  assert.deepEqual([here?.priority, here?.startedAt], [3, EPOCH + 3_000]);
  const there = groupUnit('g', members, n2);
  assert.deepEqual([there?.cost, there?.dumps, there?.costPerFurtherDump], [63, 1, 4]);
});

test('a group is terminated where that costs less in all, dumped on a tie, and left alone where neither is allowed to all', () => {
  const group = (...members: PricedPod[]) => {
    const unit = groupUnit('g', members, n1);
    return unit === undefined ? undefined : [unit.members[0]?.action, unit.cost, unit.dumps, unit.costPerFurtherDump];
  };
  const costs = { perFurtherDump: 1, on: n2 };
  assert.deepEqual(group(priced('a', 2, { terminate: 9 }), priced('b', 2, { terminate: 9 })), ['Checkpoint', 4, 2, 0]);
  assert.deepEqual(group(priced('a', 5, { terminate: 9 }), priced('b', 5, { ...costs, terminate: 0.5 })), [
    'Terminate',
    9.5,
    0,
    0,
  ]);
  assert.deepEqual(group(priced('a', 5, { terminate: 5 }), priced('b', 1, { ...costs, terminate: 1 })), [
    'Checkpoint',
    6,
    1,
    0,
  ]);
  assert.equal(group(priced('a', 5), priced('b', Infinity, { terminate: 1 })), undefined);
});

const ORDER: Record<string, [Partial<VictimUnit>, Partial<VictimUnit>]> = {
  'a higher priority before a dearer one': [
    { priority: 2, cost: 1 },
    { priority: 1, cost: 9 },
  ],
  'a longer-running one': [{ startedAt: 1 }, { startedAt: 2 }],
  'by its ID when all else is equal': [{ id: 'a' }, { id: 'b' }],
};
const unit = (rest: Partial<VictimUnit>): VictimUnit => ({ ...singleUnit(priced('a', 5)), id: 'x', ...rest });
for (const [sentence, [more, less]] of Object.entries(ORDER)) {
  test(`more important: ${sentence}`, () => {
    for (const order of [upstreamImportance, byImportance]) {
      assert.ok(order(unit(more), unit(less)) < 0);
      assert.ok(order(unit(less), unit(more)) > 0);
      assert.equal(order(unit(more), unit(more)), 0);
    }
  });
}

test('more important: the dearer before the longer-running, but not to upstream', () => {
  const [dear, old] = [unit({ cost: 9, startedAt: 2 }), unit({ cost: 1, startedAt: 1 })];
  assert.ok(byImportance(dear, old) < 0);
  assert.ok(upstreamImportance(dear, old) > 0);
});

test('the table gives back what was put in, and nothing for resources nobody asked for', () => {
  const numbers = (first: number, requests: number[]) => ({
    priority: first,
    startedAt: first + 1,
    checkpointCost: first + 2,
    perFurtherDump: first + 3,
    terminationShare: first + 4,
    savedAt: first + 5,
    requests: Float64Array.from(requests),
  });
  const table = new VictimTable([numbers(10, [1, 2]), numbers(20, [3, 4, 5]), numbers(30, [])]);
  const row = (index: number) => [
    table.priority(index),
    table.startedAt(index),
    table.checkpointCost(index),
    table.perFurtherDump(index),
    table.terminationShare(index),
    table.savedAt(index),
    ...[0, 1, 2, 3, 4].map((resource) => table.request(index, resource)),
  ];
  assert.equal(table.length, 3);
  assert.deepEqual(row(0), [10, 11, 12, 13, 14, 15, 1, 2, 0, 0, 0]);
  assert.deepEqual(row(1), [20, 21, 22, 23, 24, 25, 3, 4, 5, 0, 0]);
  assert.deepEqual(row(2), [30, 31, 32, 33, 34, 35, 0, 0, 0, 0, 0]);
});
