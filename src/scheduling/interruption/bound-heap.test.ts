import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BoundHeap } from './bound-heap.ts';
import { costOrder } from './plan-order.ts';

test('entries are taken by their bounds, best first, however many there are', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 40 }), { maxLength: 80, size: 'max' }), (costs) => {
      const entries = costs.map((cost, index) => ({
        bound: {
          pdbViolations: 0,
          highestVictimPriority: 1,
          cost,
          prioritySum: 0,
          victimCount: 1,
          earliestStart: 0,
          nodeName: `n${String(index).padStart(3, '0')}`,
        },
      }));
      const heap = new BoundHeap(entries, costOrder);
      const taken = entries.map(() => heap.pop());
      assert.equal(heap.pop(), undefined);
      assert.deepEqual(
        taken,
        entries.toSorted((one, other) => costOrder(one.bound, other.bound)),
      );
    }),
  );
});
