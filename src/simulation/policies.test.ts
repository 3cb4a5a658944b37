import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from './outcome.ts';
import { type Scenario, simulate } from './policies.ts';
import { job, scenario } from './testing.ts';
import type { TraceJob } from './trace/trace-job.ts';
import { Judge } from './world/judge.ts';
import { DEFAULT_COSTS, nodeWorld, poolWorld, type WorldCosts } from './world/world.ts';

/** Dumps of 10 s, restores of 5 s, whatever their size; killed jobs start again in 10 s. */
const COSTS: WorldCosts = { ...DEFAULT_COSTS, dumpSeconds: 10, restoreSeconds: 5, nodeBytesPerSecond: Infinity };
/** A long job holds all; an urgent one of 50 s comes at 1000. */
const STORY = [job(1, 0, 3_000, 4, { priority: 0 }), job(2, 1_000, 50, 4, { priority: 400 })];

function run(policy: string, jobs: TraceJob[], costs: Partial<WorldCosts> = {}, more: Partial<Scenario> = {}): Outcome {
  const judge = new Judge();
  const outcome = simulate(policy, scenario(jobs, poolWorld(4, { ...COSTS, ...costs }), { judge, ...more }));
  assert.deepEqual(judge.violations, []);
  return outcome;
}

const spans = ({ startSeconds, endSeconds }: Outcome): number[][] =>
  [...startSeconds].map((start, index) => [start, endSeconds[index] ?? Number.NaN]);

for (const policy of ['kube', 'kube-gang', 'slurm-requeue']) {
  test(`${policy}: the victim is killed, loses what it did and starts from zero`, () => {
    const outcome = run(policy, STORY);
    // 1050: urgent ends; 10 s to start again; 3000 s once more.
    assert.deepEqual(spans(outcome), [
      [0, 4_060],
      [1_000, 1_050],
    ]);
    assert.equal(outcome.lost.preemption.all, 4 * 1_000);
    assert.equal(outcome.uses.restart.all, 4 * 10);
    assert.equal(outcome.preemptions, 1);
  });
}

test('kube: an application that saves its work itself loses only what came after', () => {
  const outcome = run('kube', STORY, { applicationCheckpointSeconds: 300 });
  // 900 s were saved; its own restore takes 5 s.
  assert.deepEqual(spans(outcome)[0], [0, 1_050 + 5 + 2_100]);
  assert.equal(outcome.lost.preemption.all, 4 * 100);
});

test('slurm-suspend: the victim goes on where it stood, at once', () => {
  const outcome = run('slurm-suspend', STORY);
  assert.deepEqual(spans(outcome), [
    [0, 3_050],
    [1_000, 1_050],
  ]);
  assert.equal(outcome.lost.preemption.all, 0);
});

test('li2015: what took longer than dump and restore is checkpointed', () => {
  const outcome = run('li2015', STORY);
  // The dump ends at 1010, the urgent job at 1060, the restore at 1065.
  assert.deepEqual(spans(outcome), [
    [0, 3_065],
    [1_010, 1_060],
  ]);
  assert.equal(outcome.lost.preemption.all, 0);
  assert.equal(outcome.uses.dump.all, 4 * 10);
  assert.equal(outcome.uses.restore.all, 4 * 5);
});

test('li2015: what took less is killed', () => {
  const outcome = run('li2015', [job(1, 0, 3_000, 4), job(2, 12, 50, 4, { priority: 400 })]);
  assert.equal(outcome.lost.preemption.all, 4 * 12);
  assert.equal(outcome.uses.dump.all, 0);
});

test('li2015: whose dump failed is killed', () => {
  const outcome = run('li2015', STORY, { dumpFailureShare: 1 });
  assert.equal(outcome.dumpsFailed, 1);
  assert.equal(outcome.lost.preemption.all, 4 * 1_000);
  assert.deepEqual(spans(outcome)[1], [1_010, 1_060]);
});

test('fermata: the engine orders the checkpoint, and binds the urgent job when the room is free', () => {
  const outcome = run('fermata', STORY);
  assert.deepEqual(spans(outcome), [
    [0, 3_065],
    [1_010, 1_060],
  ]);
  assert.equal(outcome.lost.preemption.all, 0);
  assert.equal(outcome.preemptions, 1);
  assert.equal(outcome.restores, 1);
});

test('fermata without checkpoints kills, as kube-scheduler does', () => {
  const outcome = run('fermata', STORY, {}, { without: ['checkpoint'] });
  const seconds = spans(outcome).map((span) => span.map(Math.round));
  assert.deepEqual(seconds, spans(run('kube-gang', STORY)));
});

test('fermata: a job that cannot be checkpointed is killed where that is allowed, and its loss is booked', () => {
  const [long, urgent] = STORY;
  if (long === undefined || urgent === undefined) return assert.fail();
  const outcome = run('fermata', [{ ...long, checkpointable: false }, urgent]);
  assert.equal(outcome.lost.preemption.all, 4 * 1_000);
});

test('fermata: a dump that fails leaves its victim running; it is tried again later', () => {
  // Chance says: the first fails.
  const chances = [0.1, 0.9, 0.9, 0.9, 0.9, 0.9];
  const outcome = run('fermata', STORY, { dumpFailureShare: 0.5 }, { random: () => chances.shift() ?? 0.9 });
  assert.equal(outcome.dumpsFailed, 1);
  assert.equal(outcome.lost.preemption.all, 0);
  assert.ok((outcome.startSeconds[1] ?? 0) > 1_020);
  assert.equal(outcome.uses.compute.all, 4 * 3_000 + 4 * 50);
});

test('fermata: backfill past a promised start is checkpointed in time, and goes on afterwards', () => {
  // 2 is promised all four at 1000; 3 may hold the free one until then, though it needs 2000 s.
  const jobs = [
    job(1, 0, 1_000, 3, { walltimeSeconds: 1_000 }),
    job(2, 1, 100, 4, { walltimeSeconds: 100 }),
    job(3, 2, 2_000, 1, { walltimeSeconds: 2_000 }),
  ];
  const outcome = run('fermata', jobs);
  assert.ok((outcome.startSeconds[2] ?? Infinity) < 10, 'the guest starts at once');
  assert.equal(outcome.preemptions, 1);
  assert.ok(Math.abs((outcome.startSeconds[1] ?? 0) - 1_000) < 60, `the promise was kept: ${outcome.startSeconds[1]}`);
  const rigid = run('fermata', jobs, {}, { without: ['interruptible'] });
  assert.ok((rigid.startSeconds[2] ?? 0) >= 1_100);
  assert.equal(rigid.preemptions, 0);
});

test('kube: pods of two jobs hold half each until they give up; a job whole or not at all does not', () => {
  // The killer case of scheduling pod by pod: 1 and 2 need all four, and 3's end frees two for each.
  const jobs = [job(1, 0, 100, 2), job(2, 1, 100, 4), job(3, 2, 100, 2)];
  const pods = run('kube', jobs);
  // 2 holds the two that are free from 1 on, the rest from 100 on.
  assert.deepEqual(spans(pods), [
    [0, 100],
    [100, 200],
    [200, 300],
  ]);
  assert.equal(pods.uses.gangWait.all, 2 * 99);
  const whole = run('kube-gang', jobs);
  assert.deepEqual(spans(whole), [
    [0, 100],
    [102, 202],
    [2, 102],
  ]);
  assert.equal(whole.uses.gangWait.all, 0);
});

test('on nodes, memory and GPUs count, and a job wider than a node starts as a gang', () => {
  const gib = 1024 ** 3;
  const node = (name: string, gpus: number) => ({
    name,
    cpuMillicores: 4_000,
    memoryBytes: 8 * gib,
    gpuMillis: gpus * 1_000,
    ...(gpus > 0 ? { gpuModel: 'A100' } : {}),
  });
  const world = nodeWorld([node('one', 0), node('two', 2)], COSTS);
  const jobs = [
    job(1, 0, 100, 1, { tasks: 1, gpus: 2, gpuModel: 'A100' }),
    job(2, 1, 100, 1, { tasks: 1, gpus: 0.5, gpuModel: 'A100' }),
    job(3, 2, 100, 1, { tasks: 1, memoryBytes: 9 * gib }),
    job(4, 3, 100, 8, { memoryBytes: 2 * gib }),
    job(5, 4, 100, 1, { gpus: 1, gpuModel: 'H100' }),
  ];
  for (const policy of ['kube-gang', 'fermata']) {
    const judge = new Judge();
    const outcome = simulate(policy, scenario(jobs, world, { judge, without: ['interruptible'] }));
    assert.deepEqual(judge.violations, [], policy);
    assert.deepEqual(spans(outcome)[0], [0, 100], policy);
    assert.equal(outcome.startSeconds[1], 100, `${policy}: waits for the GPUs`);
    assert.deepEqual([...outcome.rejected.keys()], [2, 4], policy);
    assert.equal(outcome.startSeconds[3], 200, `${policy}: both nodes at once`);
  }
});

test('with failing processors, periodic checkpoints save work', () => {
  const jobs = Array.from({ length: 12 }, (_, index) => job(index, index * 100, 40_000, 2));
  const costs = { nodeMtbfSeconds: 2 * 86_400 };
  const saved = run('fermata', jobs, costs);
  const unsaved = run('fermata', jobs, costs, { without: ['periodic'] });
  assert.ok(unsaved.nodeFailures > 0);
  assert.ok(
    saved.lost.failure.all < unsaved.lost.failure.all / 2,
    `${saved.lost.failure.all} ${unsaved.lost.failure.all}`,
  );
  assert.ok(saved.uses.dump.all > 0);
});

test('a service that is killed loses nothing: it serves on after its restart', () => {
  const [service, urgent] = STORY;
  assert.ok(service !== undefined && urgent !== undefined);
  const outcome = run('kube-gang', [{ ...service, isService: true, checkpointable: false }, urgent]);
  // 2000 s are left at 1000; the urgent job ends at 1050, and 10 s later it serves again.
  assert.deepEqual(spans(outcome)[0], [0, 1_050 + 10 + 2_000]);
  assert.equal(outcome.lost.preemption.all, 0);
});

test('slurm-suspend: a suspended job goes on though one of higher priority waits for its memory', () => {
  const gib = 1024 ** 3;
  const node = { name: 'n', cpuMillicores: 4_000, memoryBytes: 8 * gib, gpuMillis: 0 };
  const jobs = [
    job(1, 0, 100, 4, { tasks: 1, memoryBytes: 5 * gib }),
    job(2, 10, 20, 4, { tasks: 1, memoryBytes: gib, priority: 400 }),
    job(3, 15, 50, 1, { tasks: 1, memoryBytes: 6 * gib, priority: 100 }),
  ];
  const { endSeconds } = simulate('slurm-suspend', scenario(jobs, nodeWorld([node], COSTS)));
  assert.deepEqual([...endSeconds], [120, 30, 170]);
});
