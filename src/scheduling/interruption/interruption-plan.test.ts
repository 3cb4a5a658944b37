import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POD_GROUP_LABEL } from '../../model/index.ts';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { EPOCH, node, pod } from '../testing.ts';
import { rankOf } from './interruption-plan.ts';
import { shifted } from './plan-order.ts';
import { costOf, groupUnit, type PricedPod, singleUnit } from './victim-unit.ts';

const cluster = new Cluster();
for (const name of ['n1', 'n2']) cluster.setNode(node(name).build());

function priced(
  name: string,
  options: { on?: string; priority?: number; since?: number; terminate?: number } = {},
): PricedPod {
  const { on = 'n1', priority = 1, since = 0, terminate = Infinity } = options;
  const info = cluster.node(on);
  assert.ok(info !== undefined);
  const built = pod(name)
    .priority(priority)
    .labels({ [POD_GROUP_LABEL]: 'g' })
    .on(on, since)
    .build();
  return {
    pod: podInfo(built, cluster.space, cluster.templates),
    node: info,
    permission: { checkpoint: true, terminate: terminate !== Infinity },
    checkpoint: { cost: 10, perFurtherDump: 2 },
    terminate,
  };
}
const here = priced('x').node;

test('dumps at once cost more than one after the other, terminations do not', () => {
  const dumped = ['a', 'b', 'c'].map((name) => singleUnit(priced(name)));
  assert.equal(costOf(dumped.slice(0, 1)), 10);
  assert.equal(costOf(dumped), 3 * (10 + 2 * 2));
  const terminated = singleUnit(priced('d', { terminate: 4 }));
  assert.equal(costOf([...dumped.slice(0, 2), terminated]), 2 * (10 + 2) + 4);
  assert.equal(costOf([]), 0);
});

test('a pod goes by the cheaper action, on a tie by what loses nothing', () => {
  const actionAt = (terminate: number) => singleUnit(priced('a', { terminate })).members[0]?.action;
  assert.deepEqual([9, 10, 11].map(actionAt), ['Terminate', 'Checkpoint', 'Checkpoint']);
});

test('a group: costs of all, bandwidth shared by members on one node, priority of the highest, start of the oldest', () => {
  const members = [
    priced('a', { priority: 3, since: 9_000 }),
    priced('b', { since: 5_000 }),
    priced('c', { on: 'n2', since: 7_000 }),
  ];
  const unit = groupUnit('default/g', members, here);
  assert.ok(unit !== undefined);
  assert.equal(unit.cost, 2 * (10 + 2) + 10);
  assert.equal(unit.dumps, 2);
  assert.equal(unit.costPerFurtherDump, 4);
  assert.equal(unit.priority, 3);
  assert.equal(unit.startedAt, EPOCH + 5_000);
  const single = singleUnit(priced('d'));
  assert.equal(costOf([unit, single]), 34 + 4 + (10 + 2 * 2));
});

test('a group is torn neither between actions nor by a member for whom there is none', () => {
  const either = priced('a', { terminate: 4 });
  const onlyDump = priced('b');
  const onlyTerminate: PricedPod = { ...priced('c', { terminate: 4 }), checkpoint: undefined };
  assert.equal(groupUnit('g', [either, onlyDump], here)?.members[0]?.action, 'Checkpoint');
  assert.equal(groupUnit('g', [either, onlyTerminate], here)?.members[0]?.action, 'Terminate');
  assert.equal(groupUnit('g', [either, onlyTerminate], here)?.dumps, 0);
  assert.equal(groupUnit('g', [onlyDump, onlyTerminate], here), undefined);
});

test('the rank of a victim set counts members, and each with the priority of its group', () => {
  const group = groupUnit('g', [priced('a', { priority: 3, since: 9_000 }), priced('b', { priority: 1 })], here);
  const single = singleUnit(priced('c', { priority: 3, since: 1_000 }));
  assert.ok(group !== undefined);
  const rank = rankOf([group, single], new Set(['uid-a', 'uid-c']), 'n1');
  assert.equal(rank.pdbViolations, 2);
  assert.equal(rank.highestVictimPriority, 3);
  assert.equal(rank.prioritySum, 3 * shifted(3));
  assert.equal(rank.victimCount, 3);
  assert.equal(rank.earliestStart, EPOCH);
  assert.equal(rank.cost, costOf([group, single]));
  const later = rankOf([single, singleUnit(priced('d', { priority: 2 }))], new Set(), 'n1');
  assert.equal(later.earliestStart, EPOCH + 1_000, 'only those of the highest priority count');
  assert.deepEqual(rankOf([], new Set(), 'n1'), {
    pdbViolations: 0,
    highestVictimPriority: -Infinity,
    earliestStart: Infinity,
    prioritySum: 0,
    victimCount: 0,
    cost: 0,
    nodeName: 'n1',
  });
});
