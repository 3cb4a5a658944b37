import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { POD_GROUP_LABEL } from '../../model/index.ts';
import { node, pod } from '../testing.ts';
import { Play } from '../testing-play.ts';
import { groupIs } from './testing-group.ts';

interface GangCase {
  readonly min: number;
  readonly extra: number;
  readonly cpu: number;
  readonly when: number;
  readonly runs: number;
}

const gangs = fc.array(
  fc.record<GangCase>({
    min: fc.integer({ min: 1, max: 4 }),
    extra: fc.nat(1),
    cpu: fc.integer({ min: 1, max: 3 }),
    when: fc.nat(40).map((seconds) => seconds * 1_000),
    runs: fc.integer({ min: 5, max: 60 }).map((seconds) => seconds * 1_000),
  }),
  { minLength: 1, maxLength: 5 },
);
const sizes = fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 3 });

function play(cpus: readonly number[], cases: readonly GangCase[]): Play {
  const groups = cases.map(({ min }, index) => groupIs(`g${index}`, min));
  const nodes = cpus.map((cpu, index) => node(`n${index}`).allocatable({ cpu: String(cpu), memory: '64Gi' }));
  const world = new Play({}, nodes, ...groups);
  cases.forEach(({ min, extra, cpu, when, runs }, index) => {
    for (let member = 0; member < min + extra; member++) {
      // Members come one after the other, those of several gangs mixed.
      const builder = pod(`g${index}-${member}`)
        .labels({ [POD_GROUP_LABEL]: `g${index}` })
        .requests({ cpu: String(cpu) });
      world.submit(builder, { when: when + member * 700, runs });
    }
  });
  return world;
}

/** Whether `count` pods of `cpu` fit into the empty cluster. */
const fitsEmpty = (cpus: readonly number[], cpu: number, count: number): boolean =>
  cpus.reduce((sum, whole) => sum + Math.floor(whole / cpu), 0) >= count;

test('a gang never runs in part: the pods it starts with are minMember at least', () => {
  fc.assert(
    fc.property(sizes, gangs, (cpus, cases) => {
      const world = play(cpus, cases).play(3_600_000);
      cases.forEach(({ min }, index) => {
        const starts = world.runs.filter(({ name }) => name.startsWith(`g${index}-`)).map(({ from }) => from);
        const first = Math.min(...starts);
        if (starts.length > 0) assert.ok(starts.filter((from) => from === first).length >= min);
      });
    }),
    { numRuns: 60 },
  );
});

test('gangs do not wait for each other for ever: whichever fits into the cluster at all runs, and an oversized one never does', () => {
  fc.assert(
    fc.property(sizes, gangs, (cpus, cases) => {
      const world = play(cpus, cases).play(24 * 3_600_000);
      cases.forEach(({ min, cpu }, index) => {
        const started = world.runs.filter(({ name }) => name.startsWith(`g${index}-`)).length;
        if (fitsEmpty(cpus, cpu, min)) assert.ok(started >= min, `gang ${index} of ${min} × ${cpu} never ran`);
        else assert.equal(started, 0);
      });
    }),
    { numRuns: 40 },
  );
});

test('a gang starts at once exactly when its pods can be distributed over the free nodes at all', () => {
  const members = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 4 });
  fc.assert(
    fc.property(sizes, members, (cpus, asked) => {
      const nodes = cpus.map((cpu, index) => node(`n${index}`).allocatable({ cpu: String(cpu), memory: '64Gi' }));
      const world = new Play({}, nodes, groupIs('g', asked.length));
      asked.forEach((cpu, index) => {
        const builder = pod(`m${index}`)
          .labels({ [POD_GROUP_LABEL]: 'g' })
          .requests({ cpu: String(cpu) });
        world.submit(builder, { when: 0, runs: 1_000 });
      });
      world.play(0);
      const exists = (index: number, left: readonly number[]): boolean =>
        index === asked.length ||
        left.some(
          (room, bin) => room >= (asked[index] ?? 0) && exists(index + 1, left.with(bin, room - (asked[index] ?? 0))),
        );
      assert.equal(world.runs.length, exists(0, cpus) ? asked.length : 0);
    }),
    { numRuns: 200 },
  );
});
