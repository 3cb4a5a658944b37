import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Heap } from './heap.ts';

interface Item {
  key: string;
  rank: number;
}

test('a heap gives its items in order, whatever was pushed again or removed between', () => {
  const step = fc.record({
    key: fc.integer({ min: 0, max: 9 }).map(String),
    rank: fc.integer({ min: 0, max: 20 }),
    act: fc.constantFrom('push', 'push', 'remove', 'pop'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const heap = new Heap<Item>(
        (one, other) => one.rank < other.rank || (one.rank === other.rank && one.key < other.key),
        ({ key }) => key,
      );
      const model = new Map<string, number>();
      const sorted = () =>
        [...model].sort(([keyA, rankA], [keyB, rankB]) => rankA - rankB || (keyA < keyB ? -1 : 1)).map(([key]) => key);
      for (const { key, rank, act } of steps) {
        if (act === 'push') {
          heap.push({ key, rank });
          model.set(key, rank);
        } else if (act === 'remove') {
          assert.equal(heap.remove(key), model.delete(key));
        } else {
          const [first] = sorted();
          assert.equal(heap.pop()?.key, first);
          if (first !== undefined) model.delete(first);
        }
        assert.equal(heap.size, model.size);
      }
      const rest: (string | undefined)[] = [];
      const expected = sorted();
      while (heap.size > 0) rest.push(heap.pop()?.key);
      assert.deepEqual(rest, expected);
    }),
  );
});
