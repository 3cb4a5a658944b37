import assert from 'node:assert/strict';
import { test } from 'node:test';
import { POD_GROUP_LABEL } from '../../model/index.ts';
import { DUMP_CURVE, DUMP_FIXED_SECONDS, RESTART_SECONDS, RESTORE_FIXED_SECONDS } from '../constants.ts';
import { EngineState } from '../engine-state.ts';
import { DEFAULT_PROFILE } from '../framework/profile.ts';
import { Observer } from '../observer.ts';
import { podInfo } from '../snapshot/pod-info.ts';
import { budget, EPOCH, node, type PodBuilder, pod, policy } from '../testing.ts';
import { Departures } from './departures.ts';
import { PlanBounds, type Shortage } from './plan-bound.ts';
import { PlanGroups } from './plan-groups.ts';
import { type PlanRank, shifted } from './plan-order.ts';
import { VictimGroups } from './victim-groups.ts';
import { VictimIndex } from './victim-index.ts';
import { VictimRules } from './victim-rules.ts';

const GIB = 2 ** 30;
const NOW = EPOCH + 3_600_000;
/** Node-seconds of a dump and restore of one GiB by a pod that has so much of its node, beside so many others. */
const gibCost = (share: number, others = 0): number =>
  (DUMP_FIXED_SECONDS + DUMP_CURVE.secondsPerByte * GIB * (1 + others) + RESTORE_FIXED_SECONDS + 1) * share;

interface Scene {
  residents: PodBuilder[];
  preemptor: PodBuilder;
  costCounts?: boolean;
  resourcesCount?: boolean;
  exhausted?: boolean;
  onPreemption?: 'CheckpointElseTerminate' | 'Terminate';
  promised?: PodBuilder;
}

/** What the bound on a node of 8 cpus and 8 GiB says. */
function boundOf(scene: Scene): PlanRank | Shortage {
  const state = new EngineState([DEFAULT_PROFILE], {});
  const groups = new VictimGroups();
  const victims = new VictimIndex({
    departures: new Departures(state.checkpoints, state.orders),
    rules: new VictimRules({
      policies: state.policies,
      record: state.record,
      memoryOf: (one) => state.costs.memoryOf(one),
    }),
    costs: state.costs,
    nodeOf: () => undefined,
    nodeNamed: () => undefined,
  });
  state.cluster.follow(groups);
  const observer = new Observer(state);
  const tell = observer.observe.bind(observer);
  tell({ type: 'NodeChanged', node: node('n1').allocatable({ cpu: '8', memory: '8Gi' }).build() }, NOW);
  if (scene.exhausted === true) {
    tell({ type: 'PodDisruptionBudgetChanged', budget: budget('b', { app: 'db' }, 0) }, NOW);
  }
  if (scene.onPreemption !== undefined) {
    tell({ type: 'InterruptionPolicyChanged', policy: policy('x', { onPreemption: scene.onPreemption }) }, NOW);
  }
  for (const one of scene.residents) {
    const built = one.build();
    tell({ type: 'PodChanged', pod: built }, NOW);
    if (built.metadata.annotations?.used !== undefined) {
      const memoryBytes = Number(built.metadata.annotations.used) * GIB;
      tell({ type: 'UsageObserved', uid: built.metadata.uid, memoryBytes }, NOW);
    }
  }
  if (scene.promised !== undefined) tell({ type: 'PodChanged', pod: scene.promised.nominated('n1').build() }, NOW);
  const info = podInfo(scene.preemptor.build(), state.cluster.space, state.cluster.templates);
  const victimsOn = (one: Parameters<VictimIndex['of']>[0]) => victims.of(one, 'CheckpointLowerPriority', NOW);
  const bounds = new PlanBounds({
    preemptor: info,
    now: NOW,
    budgets: state.budgets,
    groups: new PlanGroups(groups, { victimsOn, preemptor: info, now: NOW }),
    resourcesCount: scene.resourcesCount ?? true,
    costCounts: scene.costCounts ?? true,
  });
  const n1 = state.cluster.node('n1');
  assert.ok(n1 !== undefined);
  return bounds.of(n1, victimsOn(n1));
}

const resident = (name: string, cpu: number, priority = 1, usedGiB = 1) =>
  pod(name)
    .priority(priority)
    .requests({ cpu: String(cpu) })
    .annotations({ used: String(usedGiB) })
    .on('n1', 0);
const wants = (cpu: number, priority = 10) =>
  pod('p')
    .priority(priority)
    .requests({ cpu: String(cpu) });

function ranked(scene: Scene): PlanRank {
  const bound = boundOf(scene);
  assert.ok(!('lacking' in bound), `a bound was wanted, not a shortage of ${JSON.stringify(bound)}`);
  return bound;
}

function near(actual: number, wanted: number): void {
  assert.ok(Math.abs(actual - wanted) < 1e-6, `${actual} is not ${wanted}`);
}

test('alike victims: the bound is the plan itself', () => {
  const residents = ['a', 'b', 'c', 'd'].map((name) => resident(name, 2));
  const bound = ranked({ residents, preemptor: wants(5) });
  assert.equal(bound.victimCount, 3);
  near(bound.cost, 3 * gibCost(0.25, 2));
  assert.equal(bound.highestVictimPriority, 1);
  assert.equal(bound.prioritySum, 3 * shifted(1));
  assert.equal(bound.earliestStart, EPOCH);
  assert.equal(bound.nodeName, 'n1');
  assert.equal(bound.pdbViolations, 0);
});

test('the largest first: one that suffices makes it one victim, at the price of the cheapest that could be it', () => {
  const residents = [resident('a', 1, 1, 1), resident('b', 5, 1, 4), resident('c', 2, 1, 1)];
  const bound = ranked({ residents, preemptor: wants(5) });
  assert.equal(bound.victimCount, 1);
  // Cut to size, the cheapest per cpu are all that is needed.
  assert.ok(bound.cost > gibCost(0.125) && bound.cost < gibCost(5 / 8, 0) * 4);
});

test('the price per unit counts: many dear small ones cannot replace a cheap large one for less', () => {
  const residents = [resident('a', 4, 1, 0.001), resident('b', 4, 1, 8)];
  const bound = ranked({ residents, preemptor: wants(8) });
  assert.equal(bound.victimCount, 2);
  const cheap = (1.8 + 0.001 * (1 + 2 * DUMP_CURVE.secondsPerByte * GIB)) * 0.5;
  const dear = (1.8 + 8 * (1 + 2 * DUMP_CURVE.secondsPerByte * GIB)) * 0.5;
  near(bound.cost, cheap + dear);
});

test('by what must be freed, not by their number: the continuous knapsack', () => {
  const residents = [resident('a', 4, 1, 4), resident('b', 2, 1, 0.001), resident('c', 2, 1, 4)];
  const bound = ranked({ residents, preemptor: wants(5) });
  assert.equal(bound.victimCount, 2);
  // Two at once: a share each of the fixed parts, of the GiB to be read back, and of those to be written twice as slowly.
  const cost = (cpu: number, gib: number) =>
    (DUMP_FIXED_SECONDS + RESTORE_FIXED_SECONDS + gib * (1 + 2 * DUMP_CURVE.secondsPerByte * GIB)) * (cpu / 8);
  // All of b, which is cheap, then three of the four cpus of a or, at the same price by the cpu, of c and a.
  near(bound.cost, cost(2, 0.001) + (3 / 4) * cost(4, 4));
});

test('of those of the highest priority so many must go as the lower ones leave open: the one that ran longest of them counts', () => {
  const started = (name: string, cpu: number, priority: number, minutes: number) =>
    pod(name)
      .priority(priority)
      .requests({ cpu: String(cpu) })
      .on('n1', minutes * 60_000);
  const residents = [started('low', 2, 1, 0), started('early', 3, 5, 10), started('late', 2, 5, 20)];
  residents.push(started('higher', 1, 7, 30));
  assert.equal(ranked({ residents, preemptor: wants(7) }).earliestStart, EPOCH + 10 * 60_000);
  assert.equal(ranked({ residents, preemptor: wants(4) }).earliestStart, EPOCH + 20 * 60_000);
});

test('priorities are taken from below until there is room', () => {
  const residents = [resident('a', 2, 1), resident('b', 2, 3), resident('c', 4, 7)];
  assert.equal(ranked({ residents, preemptor: wants(2) }).highestVictimPriority, 1);
  const second = ranked({ residents, preemptor: wants(3) });
  assert.equal(second.highestVictimPriority, 3);
  assert.equal(second.victimCount, 2);
  assert.equal(second.prioritySum, shifted(1) + shifted(3));
  const third = ranked({ residents, preemptor: wants(5) });
  assert.equal(third.highestVictimPriority, 7);
  assert.equal(third.victimCount, 2);
});

test('the longest-running of those who must go is no younger than the so-manieth youngest', () => {
  const residents = [0, 10, 20, 30].map((minutes) => resident(`r${minutes}`, 2).on('n1', minutes * 60_000));
  assert.equal(ranked({ residents, preemptor: wants(2) }).earliestStart, EPOCH + 30 * 60_000);
  assert.equal(ranked({ residents, preemptor: wants(5) }).earliestStart, EPOCH + 10 * 60_000);
});

test('those of lower priority go first, so that fewer of the highest must', () => {
  const residents = [
    resident('low', 4, 1),
    resident('old', 2, 5).on('n1', 0),
    resident('young', 2, 5).on('n1', 60_000),
  ];
  assert.equal(ranked({ residents, preemptor: wants(6) }).earliestStart, EPOCH + 60_000);
  assert.equal(ranked({ residents, preemptor: wants(7) }).earliestStart, EPOCH);
});

test('what is lacking though all go is named, resource by resource', () => {
  const residents = [resident('a', 2), resident('keep', 6, 10)];
  assert.deepEqual(boundOf({ residents, preemptor: wants(3) }), { lacking: [0] });
  const both = wants(3).requests({ cpu: '3', memory: '9Gi' });
  assert.deepEqual(boundOf({ residents, preemptor: both }), { lacking: [0, 1] });
});

test('nobody of lower priority: nothing is lacking, and nothing to be had', () => {
  assert.deepEqual(boundOf({ residents: [resident('a', 2, 10)], preemptor: wants(2) }), { lacking: [] });
});

test('turned down for another reason than room, somebody has to go all the same', () => {
  const residents = [resident('a', 2, 1, 2), resident('b', 2, 1, 1)];
  const bound = ranked({ residents, preemptor: wants(1) });
  assert.equal(bound.victimCount, 1);
  near(bound.cost, gibCost(0.25));
  assert.equal(ranked({ residents, preemptor: wants(99), resourcesCount: false }).victimCount, 1);
});

test('room on its way is counted on, and is enough when it is enough', () => {
  const leaving = resident('a', 4).terminating(3_600_000 + 5_000);
  const alone = ranked({ residents: [leaving, resident('b', 4)], preemptor: wants(4) });
  const { victimCount, cost, highestVictimPriority, earliestStart } = alone;
  assert.deepEqual([victimCount, cost, highestVictimPriority, earliestStart], [0, 0, -Infinity, Infinity]);
  const more = ranked({ residents: [leaving, resident('b', 4)], preemptor: wants(5) });
  assert.equal(more.victimCount, 1);
  const overdue = resident('a', 4).terminating(3_600_000 - 60_000);
  assert.deepEqual(boundOf({ residents: [overdue, resident('b', 4)], preemptor: wants(5) }), { lacking: [0] });
  const better = resident('a', 4, 10).terminating(3_600_000 + 5_000);
  assert.deepEqual(boundOf({ residents: [better, resident('b', 4)], preemptor: wants(5) }), { lacking: [0] });
});

test('room promised to equals and betters is taken; that of lesser ones is not', () => {
  const residents = ['a', 'b', 'c', 'd'].map((name) => resident(name, 2));
  const promised = (priority: number) => pod('q').priority(priority).requests({ cpu: '2' });
  assert.equal(ranked({ residents, preemptor: wants(2) }).victimCount, 1);
  assert.equal(ranked({ residents, preemptor: wants(2), promised: promised(10) }).victimCount, 2);
  assert.equal(ranked({ residents, preemptor: wants(2), promised: promised(9) }).victimCount, 1);
  assert.equal(ranked({ residents, preemptor: wants(2), promised: promised(10).uid('uid-p') }).victimCount, 1);
});

test('exhausted budgets: as few as must be are violated', () => {
  const guarded = (name: string, cpu: number) => resident(name, cpu).labels({ app: 'db' });
  const residents = [guarded('a', 2), guarded('b', 2), resident('c', 4)];
  assert.equal(ranked({ residents, preemptor: wants(4), exhausted: true }).pdbViolations, 0);
  assert.equal(ranked({ residents, preemptor: wants(5), exhausted: true }).pdbViolations, 1);
  assert.equal(ranked({ residents, preemptor: wants(7), exhausted: true }).pdbViolations, 2);
  // Room enough: turned down for another reason, by whoever it is.
  const roomy = [guarded('a', 2), resident('c', 4)];
  assert.equal(ranked({ residents: roomy, preemptor: wants(1), exhausted: true }).pdbViolations, 0);
  const all = [guarded('a', 2), guarded('b', 2)];
  assert.equal(ranked({ residents: all, preemptor: wants(1), exhausted: true }).pdbViolations, 1);
  assert.equal(ranked({ residents, preemptor: wants(1), exhausted: true }).pdbViolations, 0);
});

test('termination where it is cheaper: it shares no bandwidth', () => {
  const young = (name: string) => resident(name, 4, 1, 60).on('n1', 3_600_000 - 5_000);
  const bound = ranked({
    residents: [young('a'), young('b')],
    preemptor: wants(8),
    onPreemption: 'CheckpointElseTerminate',
  });
  near(bound.cost, 2 * (5 + RESTART_SECONDS) * 0.5);
  const mixed = ranked({
    residents: [young('a'), resident('b', 4)],
    preemptor: wants(8),
    onPreemption: 'CheckpointElseTerminate',
  });
  near(mixed.cost, (5 + RESTART_SECONDS) * 0.5 + gibCost(0.5));
});

test('where cost does not count the bound says nothing of it', () => {
  const residents = [resident('a', 4), resident('b', 4)];
  assert.equal(ranked({ residents, preemptor: wants(8), costCounts: false }).cost, 0);
});

test('whoever takes a member of a group pays its part of the whole, at the priority of the highest', () => {
  const member = (name: string, priority: number) => resident(name, 2, priority).labels({ [POD_GROUP_LABEL]: 'g' });
  const bound = ranked({ residents: [member('a', 1), member('b', 4)], preemptor: wants(5) });
  assert.equal(bound.highestVictimPriority, 4);
  near(bound.cost, gibCost(0.25, 1));
  const beside = ranked({ residents: [member('a', 1), member('b', 4), resident('c', 2, 2)], preemptor: wants(4) });
  assert.equal(beside.highestVictimPriority, 2);
  const refused = boundOf({ residents: [member('a', 1), member('b', 10)], preemptor: wants(5) });
  assert.deepEqual(refused, { lacking: [0] });
});

test('exhausted budgets: who is too important to go does not help', () => {
  const residents = [resident('a', 4).labels({ app: 'db' }), resident('keep', 4, 10)];
  assert.equal(ranked({ residents, preemptor: wants(2), exhausted: true }).pdbViolations, 1);
  assert.equal(ranked({ residents, preemptor: wants(1), resourcesCount: false, exhausted: true }).pdbViolations, 1);
});

test('where only termination is permitted, that is what it costs', () => {
  const residents = [resident('a', 4).on('n1', 0), resident('b', 4).on('n1', 3_600_000 - 20_000)];
  const bound = ranked({ residents, preemptor: wants(8), onPreemption: 'Terminate' });
  near(bound.cost, (3_600 + RESTART_SECONDS) * 0.5 + (20 + RESTART_SECONDS) * 0.5);
});

test('the cheapest by the cpu is counted first, though another is cheaper as a whole', () => {
  const residents = [resident('large', 6, 1, 0.001), resident('small', 2, 1, 2)];
  const bound = ranked({ residents, preemptor: wants(6) });
  assert.equal(bound.victimCount, 1);
  const per = (gib: number) => DUMP_FIXED_SECONDS + RESTORE_FIXED_SECONDS + gib * (1 + DUMP_CURVE.secondsPerByte * GIB);
  assert.ok(2 * per(2) < 6 * per(0.001), 'the small one costs less as a whole');
  near(bound.cost, per(0.001) * (6 / 8));
});
