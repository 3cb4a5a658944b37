import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Engine } from './engine.ts';
import { DEFAULT_PROFILE, type Profile } from './framework/profile.ts';
import { type Step, World, type WorldOptions } from './testing-world.ts';

const cpus = fc.array(fc.integer({ min: 2, max: 5 }), { minLength: 1, maxLength: 3 });
const FACTOR = Number(process.env.PROPERTY_RUNS_FACTOR ?? 1);

const ACTS: Step['act'][] = [
  ...Array<Step['act']>(8).fill('deliver'),
  ...Array<Step['act']>(5).fill('decide'),
  ...Array<Step['act']>(5).fill('write'),
  ...Array<Step['act']>(4).fill('agent'),
  ...Array<Step['act']>(4).fill('create'),
  ...(['tick', 'tick', 'finish', 'delete', 'refuse', 'agentFails', 'restart', 'cordon'] as const),
];
const steps = fc.array(fc.record<Step>({ act: fc.constantFrom(...ACTS), pick: fc.nat(60) }), {
  minLength: 60,
  maxLength: 250,
  size: 'max',
});

const everything: Profile = {
  ...DEFAULT_PROFILE,
  plugins: [
    { name: 'FairShare' },
    ...DEFAULT_PROFILE.plugins.filter(({ name }) => name !== 'PrioritySort'),
    { name: 'Backfill' },
    { name: 'Consolidation' },
  ],
  args: { Backfill: { reservations: 3 } },
};

const emptying: Profile = {
  ...DEFAULT_PROFILE,
  plugins: [...DEFAULT_PROFILE.plugins, { name: 'Consolidation' }],
  args: { Consolidation: { emptyNodeSeconds: 600, emptyIntervalSeconds: 0.1, emptyRestSeconds: 0 } },
};

const WORLDS: Readonly<Record<string, WorldOptions>> = {
  gangs: { gangs: true },
  'gangs, fair share, backfill and consolidation': { gangs: true, walltimes: true, engine: { profile: everything } },
  'backfill and consolidation alone': { walltimes: true, engine: { profile: everything } },
  'nodes emptied now and then': { engine: { profile: emptying } },
};

for (const [name, options] of Object.entries(WORLDS)) {
  test(`with ${name} no node is over-committed either, and nobody is bound too early`, () => {
    fc.assert(
      fc.property(cpus, steps, (sizes, story) => {
        const world = new World(sizes, options);
        for (const step of story) {
          world.step(step);
          world.check();
        }
      }),
      { numRuns: 40 * FACTOR },
    );
  });

  test(`with ${name} the same events lead to the same decisions`, () => {
    fc.assert(
      fc.property(cpus, steps, (sizes, story) => {
        const world = new World(sizes, options);
        for (const step of story) if (step.act !== 'restart') world.step(step);
        const again = new Engine(options.engine);
        for (const entry of world.journal) {
          if ('event' in entry) again.observe(entry.event, entry.now);
          else assert.deepEqual(again.decide(entry.now), entry.decided);
        }
        assert.deepEqual(again.snapshot(), world.engine.snapshot());
      }),
      { numRuns: 20 * FACTOR },
    );
  });

  test(`with ${name} what was tried out leaves nothing behind`, () => {
    fc.assert(
      fc.property(cpus, steps, (sizes, story) => {
        const world = new World(sizes, options);
        for (const step of story) world.step(step);
        world.flush();
        world.refuseVoidOrders();
        world.flush();
        const fresh = new Engine(options.engine);
        for (const event of world.listing()) fresh.observe(event, world.now);
        assert.deepEqual(withoutNominations(fresh.snapshot()), withoutNominations(world.engine.snapshot()));
      }),
      { numRuns: 40 * FACTOR },
    );
  });
}

/** A promise that follows from orders under way alone is made when the pod's turn comes, not when it is listed. */
function withoutNominations(snapshot: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(snapshot).map(([name, entry]) => [name, { ...(entry as object), nominated: undefined }]),
  );
}
