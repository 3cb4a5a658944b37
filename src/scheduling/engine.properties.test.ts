import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Engine } from './engine.ts';
import { type Step, World } from './testing-world.ts';

const cpus = fc.array(fc.integer({ min: 2, max: 5 }), { minLength: 1, maxLength: 3 });
/** `PROPERTY_RUNS_FACTOR=50 node --test …` looks longer; a failure prints the seed that replays it. */
const FACTOR = Number(process.env.PROPERTY_RUNS_FACTOR ?? 1);

/** Weighted so that pods come, are seen, decided about and bound more often than things go wrong. */
const ACTS: Step['act'][] = [
  ...Array<Step['act']>(8).fill('deliver'),
  ...Array<Step['act']>(5).fill('decide'),
  ...Array<Step['act']>(5).fill('write'),
  ...Array<Step['act']>(4).fill('agent'),
  ...Array<Step['act']>(3).fill('create'),
  ...(['tick', 'tick', 'finish', 'delete', 'refuse', 'agentFails'] as const),
];
const steps = (acts: readonly Step['act'][]) =>
  fc.array(fc.record<Step>({ act: fc.constantFrom(...acts), pick: fc.nat(60) }), {
    minLength: 60,
    maxLength: 250,
    size: 'max',
  });

test('whatever happens in whatever order, no node is over-committed, no equal is a victim, nobody is bound too early', () => {
  for (const acts of [ACTS, [...ACTS, 'restart'] as const, [...ACTS, 'restart', 'cordon'] as const]) {
    fc.assert(
      fc.property(cpus, steps(acts), (sizes, story) => {
        const world = new World(sizes);
        for (const step of story) {
          world.step(step);
          world.check();
        }
      }),
      { numRuns: 150 * FACTOR },
    );
  }
});

test('once things have settled, no pod waits that could run', () => {
  fc.assert(
    fc.property(cpus, steps([...ACTS, 'restart', 'cordon']), (sizes, story) => {
      const world = new World(sizes);
      for (const step of story) world.step(step);
      world.settle();
      assert.deepEqual(world.placeable(), []);
    }),
    { numRuns: 150 * FACTOR },
  );
});

test('the same events at the same times lead to the same decisions', () => {
  fc.assert(
    fc.property(cpus, steps(ACTS), (sizes, story) => {
      const world = new World(sizes);
      for (const step of story) world.step(step);
      const again = new Engine();
      for (const entry of world.journal) {
        if ('event' in entry) again.observe(entry.event, entry.now);
        else assert.deepEqual(again.decide(entry.now), entry.decided);
      }
      assert.deepEqual(again.snapshot(), world.engine.snapshot());
    }),
    { numRuns: 100 * FACTOR },
  );
});

test('the snapshot kept up to date equals one made from the objects', () => {
  fc.assert(
    fc.property(cpus, steps([...ACTS, 'restart', 'cordon']), (sizes, story) => {
      const world = new World(sizes);
      for (const step of story) world.step(step);
      world.flush();
      world.refuseVoidOrders();
      world.flush();
      const fresh = new Engine();
      for (const event of world.listing()) fresh.observe(event, world.now);
      assert.deepEqual(withoutNominations(fresh.snapshot()), withoutNominations(world.engine.snapshot()));
    }),
    { numRuns: 150 * FACTOR },
  );
});

/** A promise that follows from orders under way alone is made when the pod's turn comes, not when it is listed. */
function withoutNominations(snapshot: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(snapshot).map(([name, entry]) => [name, { ...(entry as object), nominated: undefined }]),
  );
}
