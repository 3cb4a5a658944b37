import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { relieve, type Yielder } from './relief.ts';

const yielder = (id: string, cpu: number, rest: Partial<Yielder> = {}): Yielder => ({
  id,
  priority: 0,
  cost: 1,
  wants: { cpu, memory: 0 },
  ...rest,
});

const CASES: Record<string, { present: Yielder[]; cpu: number; want: string[] }> = {
  'nobody goes while there is room': { present: [yielder('a', 2), yielder('b', 2)], cpu: 4, want: [] },
  'the lowest priority goes first, whatever it costs': {
    present: [yielder('a', 2, { priority: 1 }), yielder('b', 2, { cost: 9 })],
    cpu: 2,
    want: ['b'],
  },
  'of one priority the cheapest goes': {
    present: [yielder('a', 2, { cost: 3 }), yielder('b', 2, { cost: 2 })],
    cpu: 2,
    want: ['b'],
  },
  'who was taken first and turns out not to be needed stays': {
    present: [yielder('small', 1, { cost: 1 }), yielder('large', 4, { cost: 2 })],
    cpu: 1,
    want: ['large'],
  },
  'all go when nothing is left': { present: [yielder('a', 2), yielder('b', 2)], cpu: 0, want: ['a', 'b'] },
  'a pod that holds nothing of what is short stays': {
    present: [yielder('a', 0, { wants: { cpu: 0, memory: 5 } }), yielder('b', 2, { priority: 9 })],
    cpu: 0,
    want: ['b'],
  },
};

for (const [name, { present, cpu, want }] of Object.entries(CASES)) {
  test(name, () =>
    assert.deepEqual(
      relieve(present, { cpu, memory: 100 }).map(({ id }) => id),
      want,
    ),
  );
}

const amounts = fc.record({ cpu: fc.integer({ min: 0, max: 4 }), memory: fc.integer({ min: 0, max: 4 }) });
const yielders = fc
  .array(fc.record({ priority: fc.nat(3), cost: fc.nat(5), wants: amounts }), { maxLength: 7 })
  .map((all) => all.map((one, index) => ({ ...one, id: `p${index}` })));

test('who goes is enough, all of them are needed, and no choice could spare the highest priority among them', () => {
  fc.assert(
    fc.property(yielders, fc.record({ cpu: fc.nat(12), memory: fc.nat(12) }), (present, room) => {
      const suffices = (gone: ReadonlySet<string>): boolean => {
        const stay = present.filter(({ id }) => !gone.has(id));
        return (
          stay.reduce((sum, { wants }) => sum + wants.cpu, 0) <= room.cpu &&
          stay.reduce((sum, { wants }) => sum + wants.memory, 0) <= room.memory
        );
      };
      const chosen = relieve(present, room);
      const gone = new Set(chosen.map(({ id }) => id));
      assert.ok(suffices(gone));
      for (const { id } of chosen) {
        const without = new Set(gone);
        without.delete(id);
        assert.ok(!suffices(without), `${id} went for nothing`);
      }
      // Brute force over all subsets: the lowest highest priority that suffices.
      let best = Infinity;
      for (let bits = 0; bits < 1 << present.length; bits++) {
        const subset = present.filter((_, index) => (bits >> index) & 1);
        if (suffices(new Set(subset.map(({ id }) => id)))) {
          best = Math.min(best, Math.max(-1, ...subset.map(({ priority }) => priority)));
        }
      }
      assert.equal(Math.max(-1, ...chosen.map(({ priority }) => priority)), best);
    }),
    { numRuns: 300 },
  );
});
