import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MaxTree } from './max-tree.ts';

const values = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 20 });

/** Positions by value, descending, then by position; 0 stands for "not in question". */
function sorted(numbers: readonly number[]): number[] {
  return numbers
    .map((value, position) => ({ value, position }))
    .filter(({ value }) => value > 0)
    .sort((one, other) => other.value - one.value || one.position - other.position)
    .map(({ position }) => position);
}

const asked = (value: number): number => (value === 0 ? -Infinity : value);

test('max tree: the largest, its equals and the order are those of sorting, however the values came', () => {
  const changes = fc.array(fc.tuple(fc.nat(19), fc.integer({ min: 0, max: 5 })), { maxLength: 20 });
  fc.assert(
    fc.property(values, changes, (numbers, later) => {
      const tree = new MaxTree(numbers.length);
      tree.fill(Float64Array.from(numbers, asked));
      const now = [...numbers];
      for (const [position, value] of later) {
        if (position >= now.length) continue;
        now[position] = value;
        tree.set(position, asked(value));
      }
      const order = sorted(now);
      assert.deepEqual(tree.top(5), order.slice(0, 5));
      const largest = order.length === 0 ? -Infinity : (now[order[0] ?? 0] ?? 0);
      assert.equal(tree.largest, largest);
      const equals = order.filter((position) => now[position] === largest);
      assert.equal(tree.equals, equals.length);
      assert.deepEqual(
        equals.map((_, rank) => tree.best(rank)),
        equals,
      );
    }),
  );
});
