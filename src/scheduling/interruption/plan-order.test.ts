import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOrder, type PlanRank, planOrderOf, shifted, upstreamOrder } from './plan-order.ts';

const RANK: PlanRank = {
  pdbViolations: 1,
  highestVictimPriority: 5,
  cost: 10,
  prioritySum: 100,
  victimCount: 2,
  earliestStart: 1_000,
  nodeName: 'n5',
};
const BETTER: Record<keyof PlanRank, Partial<PlanRank>> = {
  pdbViolations: { pdbViolations: 0 },
  highestVictimPriority: { highestVictimPriority: 4 },
  cost: { cost: 9 },
  prioritySum: { prioritySum: 99 },
  victimCount: { victimCount: 1 },
  earliestStart: { earliestStart: 2_000 },
  nodeName: { nodeName: 'n4' },
};
const WORSE: Record<keyof PlanRank, Partial<PlanRank>> = {
  pdbViolations: { pdbViolations: 2 },
  highestVictimPriority: { highestVictimPriority: 6 },
  cost: { cost: 11 },
  prioritySum: { prioritySum: 101 },
  victimCount: { victimCount: 3 },
  earliestStart: { earliestStart: 500 },
  nodeName: { nodeName: 'n6' },
};
const UPSTREAM: readonly (keyof PlanRank)[] = [
  'pdbViolations',
  'highestVictimPriority',
  'prioritySum',
  'victimCount',
  'earliestStart',
  'nodeName',
];
const COST: readonly (keyof PlanRank)[] = [
  'pdbViolations',
  'highestVictimPriority',
  'cost',
  'prioritySum',
  'victimCount',
  'earliestStart',
  'nodeName',
];

for (const [name, order, criteria] of [
  ['upstream', upstreamOrder, UPSTREAM],
  ['cost', costOrder, COST],
] as const) {
  for (const [place, criterion] of criteria.entries()) {
    test(`the ${name} order: ${criterion} decides before all that comes after it`, () => {
      let better: PlanRank = { ...RANK, ...BETTER[criterion] };
      for (const later of criteria.slice(place + 1)) better = { ...better, ...WORSE[later] };
      assert.ok(order(better, RANK) < 0);
      assert.ok(order(RANK, better) > 0);
    });
  }

  test(`the ${name} order: equal plans are equal`, () => {
    assert.equal(order(RANK, { ...RANK }), 0);
  });

  test(`the ${name} order: a plan without victims is the best there is`, () => {
    const none = { ...RANK, highestVictimPriority: -Infinity, earliestStart: Infinity, pdbViolations: 0 };
    assert.ok(order(none, { ...RANK, pdbViolations: 0, highestVictimPriority: -2_000_000_000 }) < 0);
    assert.equal(order(none, { ...none }), 0);
  });
}

test('upstream says nothing of cost', () => {
  assert.equal(upstreamOrder(RANK, { ...RANK, cost: 99 }), 0);
});

test('a class that checkpoints is judged by cost, one that preempts plainly as upstream does', () => {
  assert.equal(planOrderOf('CheckpointLowerPriority'), costOrder);
  assert.equal(planOrderOf('PreemptLowerPriority'), upstreamOrder);
});

test('in sums no priority is negative, so that each victim more is worse', () => {
  assert.equal(shifted(-(2 ** 31)), 0);
  assert.equal(shifted(0), 2 ** 31);
});
