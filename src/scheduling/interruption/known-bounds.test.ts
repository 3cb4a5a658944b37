import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster } from '../snapshot/cluster.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { budget, EPOCH, node, type PodBuilder, pod } from '../testing.ts';
import { Budgets } from './budgets.ts';
import { boundOn, KnownBounds } from './known-bounds.ts';
import { PlanBounds, type Shortage } from './plan-bound.ts';
import { PlanGroups } from './plan-groups.ts';
import { VictimGroups } from './victim-groups.ts';
import type { NodeVictims } from './victim-index.ts';
import { VictimTable } from './victim-table.ts';

const cluster = new Cluster();
cluster.setNode(node('n1').build());
const infoOf = (builder: PodBuilder) => podInfo(builder.build(), cluster.space, cluster.templates);
const n1 = cluster.node('n1');
assert.ok(n1 !== undefined);
const room = n1;

const offer = (isTimeless: boolean): NodeVictims => ({
  victims: [],
  table: new VictimTable([]),
  hindered: [],
  leaving: [],
  isTimeless,
  dumping: 0,
  validUntil: Infinity,
});
const timeless = offer(true);

class CountedBounds extends PlanBounds {
  asked = 0;

  override of(): Shortage {
    this.asked += 1;
    return { lacking: [] };
  }
}

/** Asks for the bound so often, after something happened, and counts how often it was worked out. */
function askedFor(
  offered: NodeVictims,
  options: { costCounts?: boolean; between?: () => void; keep?: boolean; times?: number } = {},
): number {
  const { costCounts = true, between, keep = true, times = 2 } = options;
  const preemptor = infoOf(pod('p').requests({ cpu: '1' }));
  const budgets = new Budgets();
  const groups = new PlanGroups(new VictimGroups(), { victimsOn: () => offered, preemptor, now: EPOCH });
  const bounds = new CountedBounds({ preemptor, now: EPOCH, budgets, groups, resourcesCount: true, costCounts });
  const known = keep ? new KnownBounds(budgets).of(preemptor, '') : undefined;
  for (let time = 0; time < times; time++) {
    boundOn(room, offered, { known, bounds, preemptor, costCounts });
    between?.();
  }
  return bounds.asked;
}

test('a bound is worked out once as long as nothing changes', () => {
  assert.equal(askedFor(timeless, { times: 5 }), 1);
});

test('again when the node changed, or nothing is kept', () => {
  assert.equal(askedFor(timeless, { between: () => cluster.nominate(infoOf(pod('q')), 'n1') }), 2);
  cluster.clearNomination('uid-q');
  assert.equal(askedFor(timeless, { keep: false }), 2);
});

test('again when costs change by the second, unless they do not count', () => {
  assert.equal(askedFor(offer(false)), 2);
  assert.equal(askedFor(offer(false), { costCounts: false }), 1);
});

test('again where room is promised to the preemptor itself: to others it is taken', () => {
  cluster.nominate(infoOf(pod('p')), 'n1');
  assert.equal(askedFor(timeless), 2);
  cluster.clearNomination('uid-p');
});

test('bounds are known by priority, requests and kind; any change of a budget forgets them', () => {
  const budgets = new Budgets();
  const known = new KnownBounds(budgets);
  const one = known.of(infoOf(pod('a').priority(1).requests({ cpu: '1' })), 'x');
  assert.equal(known.of(infoOf(pod('b').priority(1).requests({ cpu: '1' })), 'x'), one);
  assert.notEqual(known.of(infoOf(pod('b').priority(2).requests({ cpu: '1' })), 'x'), one);
  assert.notEqual(known.of(infoOf(pod('b').priority(1).requests({ cpu: '2' })), 'x'), one);
  assert.notEqual(known.of(infoOf(pod('b').priority(1).requests({ cpu: '1' })), 'y'), one);
  budgets.put(budget('b', { app: 'db' }, 1));
  assert.notEqual(known.of(infoOf(pod('a').priority(1).requests({ cpu: '1' })), 'x'), one);
});

test('eight kinds of demand are remembered, the oldest goes first', () => {
  const known = new KnownBounds(new Budgets());
  const of = (priority: number) => known.of(infoOf(pod('a').priority(priority)), 'x');
  const all = [0, 1, 2, 3, 4, 5, 6, 7].map(of);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7].map(of).map((bounds, index) => bounds === all[index]),
    new Array(8).fill(true),
  );
  of(8);
  assert.equal(of(1), all[1]);
  assert.notEqual(of(0), all[0]);
});
