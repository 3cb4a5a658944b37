import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Seating, seatAll } from './packing.ts';

/** Bins by free room, items by size. */
function bins(free: number[]): Seating<number, number> & { free: number[]; placed: [number, number][] } {
  const placed: [number, number][] = [];
  return {
    free,
    placed,
    candidates: (size) =>
      free
        .map((_, index) => index)
        .filter((index) => (free[index] ?? 0) >= size)
        .sort((one, other) => (free[one] ?? 0) - (free[other] ?? 0)),
    place: (size, bin) => {
      free[bin] = (free[bin] ?? 0) - size;
      placed.push([size, bin]);
    },
    remove: () => {
      const [size, bin] = placed.pop() ?? [0, 0];
      free[bin] = (free[bin] ?? 0) + size;
    },
  };
}

test('two small ones share a node, so that the large one has the other', () => {
  assert.deepEqual(seatAll([4, 2, 2], bins([4, 4]), 100), [0, 1, 1]);
});

test('a wrong turn is taken back', () => {
  // Best fit puts 3 beside 3 into 6; then 2, 2, 2 find only 5.
  assert.notEqual(seatAll([3, 3, 2, 2, 2], bins([5, 7]), 100), undefined);
});

test('a search that takes too long is given up, and leaves nothing behind', () => {
  const seating = bins([5, 5, 5, 5]);
  assert.equal(seatAll([4, 4, 4, 4, 4], seating, 3), undefined);
  assert.deepEqual(seating.free, [5, 5, 5, 5]);
});

test('a seating is found exactly when there is one', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(sizes, fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 3 }), (items, free) => {
      const members = items.toSorted((one, other) => other - one);
      const exists = (index: number, left: readonly number[]): boolean =>
        index === members.length ||
        left.some(
          (room, bin) =>
            room >= (members[index] ?? 0) && exists(index + 1, left.with(bin, room - (members[index] ?? 0))),
        );
      const seating = bins([...free]);
      const seats = seatAll(members, seating, 10_000);
      assert.equal(seats !== undefined, exists(0, free));
      if (seats === undefined) assert.deepEqual(seating.free, free, 'nothing is left behind');
      else
        assert.deepEqual(
          seating.placed,
          members.map((size, index) => [size, seats[index]]),
        );
    }),
    { numRuns: 500 },
  );
});
