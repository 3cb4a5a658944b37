import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Scenario, simulate } from '../policies.ts';
import { job, scenario } from '../testing.ts';
import { Judge } from './judge.ts';
import { DEFAULT_COSTS, nodeWorld, poolWorld, type WorldCosts } from './world.ts';

const GIB = 1024 ** 3;
/** Disks of 1 GiB/s, a store of 64 MiB/s: 4 GiB are dumped in 4 s and uploaded in 64. */
const COSTS: WorldCosts = {
  ...DEFAULT_COSTS,
  dumpSeconds: 0,
  restoreSeconds: 0,
  nodeBytesPerSecond: GIB,
  storeBytesPerSecond: GIB / 16,
};
const node = (name: string, cpus: number) => ({
  name,
  cpuMillicores: cpus * 1_000,
  memoryBytes: 64 * GIB,
  gpuMillis: 0,
});
/** 1 runs on the first node until the urgent 2 comes there; the second node is 3's until 1,110. */
const STORY = [
  job(1, 0, 3_000, 4, { memoryBytes: 4 * GIB, tasks: 1 }),
  job(3, 1, 1_109, 4, { tasks: 1, priority: 200, memoryBytes: GIB }),
  job(2, 1_000, 5_000, 4, { tasks: 1, priority: 400, memoryBytes: GIB }),
];

function run(costs: Partial<WorldCosts>, jobs = STORY, more: Partial<Scenario> = {}) {
  const judge = new Judge();
  const world = nodeWorld([node('a', 4), node('b', 4)], { ...COSTS, ...costs });
  const outcome = simulate('li2015', scenario(jobs, world, { judge, ...more }));
  assert.deepEqual(judge.violations, []);
  return outcome;
}

test('the room is free when the dump is on the disk; the upload takes its time behind it', () => {
  const { startSeconds, traffic } = run({}, STORY, { window: { fromSeconds: 1_000, toSeconds: 1_480 } });
  assert.equal(startSeconds[2], 1_004);
  assert.equal(traffic.dump[0], Math.round((4 * GIB) / 10));
  // Steps of 10 s: from 1,004 to 1,068, then fetched from 1,110 to 1,174.
  assert.deepEqual(
    traffic.upload.slice(0, 8).map((rate) => Number((rate / (GIB / 16)).toFixed(2))),
    [0.6, 1, 1, 1, 1, 1, 0.8, 0],
  );
  assert.deepEqual(
    traffic.fetch.slice(10, 19).map((rate) => Number((rate / (GIB / 16)).toFixed(2))),
    [0, 1, 1, 1, 1, 1, 1, 0.4, 0],
  );
});

test('a job that comes back on another node waits for its upload, then fetches', () => {
  // Room at 1,110; uploaded since 1,068; fetched in 64 s, read in 4.
  assert.equal(run({}).endSeconds[0], 1_110 + 64 + 4 + 2_000);
  // An upload of 256 s lasts until 1,260.
  assert.equal(run({ storeBytesPerSecond: GIB / 64 }).endSeconds[0], 1_260 + 256 + 4 + 2_000);
});

test('without a store every node reads it as if it had dumped it', () => {
  const { storeBytesPerSecond: _, ...costs } = COSTS;
  const world = nodeWorld([node('a', 4), node('b', 4)], costs);
  assert.equal(simulate('li2015', scenario(STORY, world)).endSeconds[0], 1_110 + 4 + 2_000);
});

test('on the node that dumped it nothing is fetched, whether uploaded or not', () => {
  const jobs = STORY.map((one) => (one.id === '2' ? { ...one, runSeconds: 10 } : one));
  assert.equal(run({ storeBytesPerSecond: GIB / 64 }, jobs).endSeconds[0], 1_014 + 4 + 2_000);
});

test('uploads and fetches share the store', () => {
  // 4 is interrupted, too, on a third node, and has 8 GiB: its upload slows the one of 1 down.
  const jobs = [
    ...STORY.slice(0, 2),
    job(4, 2, 3_000, 4, { tasks: 1, memoryBytes: 8 * GIB }),
    job(2, 1_000, 5_000, 8, { tasks: 2, priority: 400, memoryBytes: GIB }),
  ];
  const world = nodeWorld([node('a', 4), node('b', 4), node('c', 4)], COSTS);
  const outcome = simulate('li2015', scenario(jobs, world));
  const ends = (outcome.endSeconds[0] ?? 0) - 2_000 - 4;
  assert.ok(ends > 1_110 + 64, `1 is back at ${ends}`);
});

test('in a pool all is fetched, as nobody knows where it comes back', () => {
  const outcome = simulate(
    'li2015',
    scenario([job(1, 0, 3_000, 4), job(2, 1_000, 10, 4, { priority: 400 })], poolWorld(4, COSTS)),
  );
  // Four disks dump 1 GiB each in 1 s; 4 GiB are uploaded until 1,065, and fetched until 1,129.
  assert.equal(outcome.endSeconds[0], 1_065 + 64 + 1 + 2_000);
});

test('memory that grows makes late dumps larger than early ones', () => {
  const urgent = (id: number, at: number) => job(id, at, 10, 4, { tasks: 1, priority: 400, memoryBytes: GIB });
  const growing = job(1, 0, 4_000, 4, { tasks: 1, memoryBytes: 8 * GIB, startMemoryShare: 0 });
  const dumped = (at: number) =>
    simulate('fermata', scenario([growing, urgent(2, at)], nodeWorld([node('a', 4)], COSTS))).bytesWritten;
  assert.equal(dumped(1_000), 2 * GIB);
  assert.equal(dumped(3_000), 6 * GIB);
});
