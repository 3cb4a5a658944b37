import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NodeTimeline, type Occupancy } from './node-timeline.ts';

const cpu = (amount: number): Float64Array => Float64Array.of(amount);
const takes = (amount: number, from: number, until: number): Occupancy => ({ requests: cpu(amount), from, until });

const EARLIEST: Record<string, { taken: Occupancy[]; asks: number; lasts: number; want: number | undefined }> = {
  'an empty node has room at once': { taken: [], asks: 4, lasts: Infinity, want: 0 },
  'a full node has room when the first who frees enough ends': {
    taken: [takes(2, -9, 10), takes(2, -9, 20)],
    asks: 3,
    lasts: 5,
    want: 20,
  },
  'a gap before a reservation is used when it is long enough': {
    taken: [takes(4, -9, 10), takes(4, 20, 30)],
    asks: 4,
    lasts: 10,
    want: 10,
  },
  'a gap that is too short is passed over': {
    taken: [takes(4, -9, 10), takes(4, 20, 30)],
    asks: 4,
    lasts: 11,
    want: 30,
  },
  'beside a reservation there may be room for good': {
    taken: [takes(4, -9, 10), takes(3, 10, Infinity)],
    asks: 1,
    lasts: Infinity,
    want: 10,
  },
  'where nobody has a known end there is no instant to name': {
    taken: [takes(4, -9, Infinity)],
    asks: 1,
    lasts: 1,
    want: undefined,
  },
  'more than the node has never fits': { taken: [], asks: 5, lasts: 1, want: undefined },
};

for (const [name, { taken, asks, lasts, want }] of Object.entries(EARLIEST)) {
  test(name, () => assert.equal(new NodeTimeline(cpu(4), taken).earliest(cpu(asks), 0, lasts), want));
}

const occupancies = fc.array(
  fc
    .record({ amount: fc.integer({ min: 1, max: 4 }), from: fc.integer({ min: -5, max: 20 }), lasts: fc.nat(15) })
    .map(({ amount, from, lasts }) => takes(amount, from, lasts === 15 ? Infinity : from + lasts)),
  { maxLength: 8 },
);

test('the earliest start is the one found by trying every instant', () => {
  fc.assert(
    fc.property(occupancies, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 12 }), (taken, asks, lasts) => {
      const usedAt = (instant: number): number =>
        taken.reduce((sum, one) => sum + (one.from <= instant && instant < one.until ? (one.requests[0] ?? 0) : 0), 0);
      const fits = (start: number): boolean => {
        for (let instant = start; instant < start + lasts; instant++) if (usedAt(instant) + asks > 6) return false;
        return true;
      };
      // Times are whole numbers and nothing finite lasts past 40.
      let want: number | undefined;
      for (let start = 0; start <= 40 && want === undefined; start++) if (fits(start)) want = start;
      assert.equal(new NodeTimeline(cpu(6), taken).earliest(cpu(asks), 0, lasts), want);
    }),
    { numRuns: 300 },
  );
});
