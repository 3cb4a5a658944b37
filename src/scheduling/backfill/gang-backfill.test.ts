import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { POD_GROUP_LABEL, parseWalltime } from '../../model/index.ts';
import { DEFAULT_PROFILE, type Profile } from '../framework/profile.ts';
import { groupIs } from '../gang/testing-group.ts';
import { node, type PodBuilder, pod } from '../testing.ts';
import { Play } from '../testing-play.ts';
import { Story } from '../testing-story.ts';

const MINUTE = 60_000;
const backfilling: { profile: Profile } = {
  profile: { ...DEFAULT_PROFILE, plugins: [...DEFAULT_PROFILE.plugins, { name: 'Backfill' }] },
};

const job = (name: string, cpu: number, walltime?: string): PodBuilder => {
  const builder = pod(name).requests({ cpu: String(cpu), memory: '64Mi' });
  return walltime === undefined ? builder : builder.walltime(walltime);
};
const rank = (name: string, cpu: number, walltime = '1h'): PodBuilder =>
  job(name, cpu, walltime).labels({ [POD_GROUP_LABEL]: 'g' });
const nodes = (...cpus: number[]) => cpus.map((cpu, index) => node(`n${index + 1}`).allocatable({ cpu: String(cpu) }));

/** Two nodes of 4, half of each held for 10 and 20 minutes; a gang of two wants them whole. */
function waitingGang(): Story {
  const world = new Story(backfilling).nodes(...nodes(4, 4)).tell(groupIs('g', 2));
  world.pods(job('a', 2, '10m').on('n1'), job('b', 2, '20m').on('n2'));
  return world.pods(rank('r0', 4).created(1_000), rank('r1', 4).created(1_000));
}

test('a gang is promised the first time at which all of it has room', () => {
  const said = waitingGang().brief();
  assert.equal(said.length, 2);
  for (const one of said) {
    assert.match(
      one,
      /backfill: room on node\(s\) n1, n2 is reserved for it in 20m0s, by the walltimes of the pods there\.$/,
    );
  }
});

test('behind it only those start that leave it all its places', () => {
  const world = waitingGang();
  world.pods(job('short', 2, '15m').created(2_000), job('long', 2, '25m').created(3_000));
  const said = world.brief();
  assert.ok(
    said.some((one) => /^Bind short → n[12]$/.test(one)),
    said.join('\n'),
  );
  assert.match(said.join('\n'), /Unschedulable long: .*reserved for pods ahead/);
});

test('its members are no guests, and nobody is the guest of a gang', () => {
  const said = waitingGang().pods(job('endless', 2).created(2_000)).brief();
  assert.match(said.join('\n'), /Unschedulable endless: .*2 node\(s\) were reserved for pods ahead/);
});

test('when a member is gone and the rest too few, the promise falls', () => {
  const world = waitingGang().pods(job('long', 2, '25m').created(3_000));
  assert.match(world.brief().join('\n'), /Unschedulable long/);
  const said = world.gone(rank('r1', 4)).after(60_000).brief();
  assert.ok(
    said.some((one) => /^Bind long → n[12]$/.test(one)),
    said.join('\n'),
  );
});

test('a gang starts whole, no later than it was first promised, and everybody else starts in the end', () => {
  const jobs = fc.array(
    fc.record({
      cpu: fc.integer({ min: 1, max: 4 }),
      runs: fc.integer({ min: 30, max: 900 }),
      spare: fc.option(fc.nat(300), { nil: undefined, freq: 4 }),
      after: fc.nat(60),
    }),
    { minLength: 3, maxLength: 9 },
  );
  const before = fc.array(fc.record({ cpu: fc.integer({ min: 1, max: 4 }), runs: fc.integer({ min: 60, max: 900 }) }), {
    minLength: 1,
    maxLength: 3,
  });
  fc.assert(
    fc.property(before, fc.integer({ min: 2, max: 4 }), jobs, (early, size, late) => {
      const world = new Play(backfilling, nodes(4, 4), groupIs('g', 2));
      early.forEach(({ cpu, runs }, index) => {
        world.submit(job(`e${index}`, cpu, `${runs}s`), { when: 0, runs: runs * 1_000 });
      });
      for (const name of ['r0', 'r1']) world.submit(rank(name, size), { when: 1_000, runs: 10 * MINUTE });
      let when = 2_000;
      late.forEach(({ cpu, runs, spare, after }, index) => {
        when += after * 1_000;
        const walltime = spare === undefined ? undefined : `${runs + spare}s`;
        world.submit(job(`l${index}`, cpu, walltime), { when, runs: runs * 1_000 });
      });
      world.play(12 * 3_600_000);
      assert.deepEqual(world.waiting, []);
      const [start, other] = [world.startOf('r0') ?? Infinity, world.startOf('r1')];
      assert.equal(start, other, 'whole');
      let promised = Infinity;
      for (const { now, at } of promisesTo('r0', world)) {
        // Those ahead that wait themselves may take the room whenever it suits them.
        if (early.some((_, index) => (world.startOf(`e${index}`) ?? Infinity) > now)) continue;
        assert.ok(at < promised + 1_000, `promised ${promised}, then ${at}`);
        promised = Math.min(promised, at);
      }
      if (promised < Infinity) assert.ok(start <= promised, `promised ${promised} and began at ${start}`);
    }),
    { numRuns: 100 },
  );
});

/** What the pod was told, ms: rounded up to a second. */
function promisesTo(name: string, { decided }: Play): { now: number; at: number }[] {
  return decided.flatMap(({ now, decision }) => {
    if (decision.type !== 'Unschedulable' || decision.pod.name !== name) return [];
    const told = /is reserved for it in (\S+),/.exec(decision.message)?.[1];
    return told === undefined ? [] : [{ now, at: now + parseWalltime(told) }];
  });
}
