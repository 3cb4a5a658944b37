import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../clock/index.ts';
import { generateApplications } from './applications.ts';
import { Chance } from './chance.ts';
import { generateLublin } from './lublin.ts';
import { generateResearch } from './research.ts';

const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;

test('draws have the means of their distributions', () => {
  const chance = new Chance(seededRandom(3));
  const of = (draw: () => number): number => mean(Array.from({ length: 20_000 }, draw));
  const near = (value: number, wanted: number): void =>
    assert.ok(Math.abs(value / wanted - 1) < 0.03, `${value}, wanted ${wanted}`);
  near(
    of(() => chance.gamma(4.2, 0.94)),
    4.2 * 0.94,
  );
  near(
    of(() => chance.gamma(0.5, 2)),
    1,
  );
  near(
    of(() => chance.exponential(7)),
    7,
  );
  near(Math.log(of(() => chance.lognormal(10, 0.5))), Math.log(10) + 0.125);
});

test('lublin: the shares that the model prescribes, and the load that was asked for', () => {
  const jobs = generateLublin({ jobs: 20_000, processors: 128, load: 0.8 }, seededRandom(1));
  const share = (holds: (processors: number) => boolean): number =>
    jobs.filter(({ processors }) => holds(processors)).length / jobs.length;
  // A few parallel sizes round to 1.
  assert.ok(Math.abs(share((size) => size === 1) - 0.244) < 0.02);
  assert.ok(share((size) => Number.isInteger(Math.log2(size))) > 0.8);
  assert.ok(jobs.every(({ processors, runSeconds }) => processors <= 128 && runSeconds >= 1));
  const work = jobs.reduce((sum, job) => sum + job.processors * job.runSeconds, 0);
  const span = (jobs.at(-1)?.submitSeconds ?? 0) - (jobs[0]?.submitSeconds ?? 0);
  assert.ok(Math.abs(work / (128 * span) - 0.8) < 0.01);
  for (const [index, job] of jobs.entries()) assert.ok(job.submitSeconds >= (jobs[index - 1]?.submitSeconds ?? 0));
});

test('lublin: days are busier than nights', () => {
  const jobs = generateLublin({ jobs: 20_000, processors: 128 }, seededRandom(1));
  const byHour = (from: number, to: number): number =>
    jobs.filter(({ submitSeconds }) => {
      const hour = (submitSeconds / 3_600) % 24;
      return hour >= from && hour < to;
    }).length;
  assert.ok(byHour(10, 18) > 3 * byHour(0, 5));
});

test('research: every kind of work is there, steps of pipelines follow one another, and requests exceed use', () => {
  const { jobs, nodes } = generateResearch({ nodes: 40, days: 14, sessions: 2 }, seededRandom(1));
  assert.equal(nodes.length, 40);
  assert.equal(nodes.filter(({ gpuMillis }) => gpuMillis === 4_000).length, 5);
  const queues = new Set(jobs.map(({ queue }) => queue));
  assert.deepEqual([...queues].sort(), ['folding', 'notebook', 'pipeline', 'service', 'training', 'urgent']);
  const ids = new Map(jobs.map((job, index) => [job.id, index]));
  assert.equal(ids.size, jobs.length);
  for (const [index, { after = [] }] of jobs.entries())
    for (const before of after) assert.ok((ids.get(before) ?? Infinity) < index);
  assert.ok(jobs.some(({ after = [] }) => after.length > 3));
  const services = jobs.filter(({ queue }) => queue === 'service');
  assert.ok(mean(services.map(({ usedShare }) => usedShare ?? 1)) < 0.2);
});

test('applications: ordinary work for 85 % of the GPUs, with the dump times that were measured', () => {
  const { jobs, nodes } = generateApplications(20_000, seededRandom(1));
  const gpus = nodes.reduce((sum, { gpuMillis }) => sum + gpuMillis / 1_000, 0);
  const ordinary = jobs.filter(({ priority }) => priority === 0);
  const work = ordinary.reduce((sum, job) => sum + job.runSeconds, 0);
  assert.ok(Math.abs(work / gpus / (jobs.at(-1)?.submitSeconds ?? 1) - 0.85) < 0.03);
  assert.deepEqual([...new Set(ordinary.map(({ dumpSeconds }) => dumpSeconds))].length, 10);
  assert.ok(jobs.some(({ priority }) => priority === 400));
});

test('the same seed makes the same work', () => {
  const research = (seed: number) => generateResearch({ nodes: 8, days: 3, sessions: 2 }, seededRandom(seed));
  assert.deepEqual(research(4), research(4));
  assert.notDeepEqual(research(4), research(5));
  const lublin = (seed: number) => generateLublin({ jobs: 100, processors: 64 }, seededRandom(seed));
  assert.deepEqual(lublin(4), lublin(4));
});
