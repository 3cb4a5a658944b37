import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CopyVerdict,
  checkWaterMarks,
  expendableCopies,
  type LocalCopy,
  planCopies,
  usedShare,
} from './local-copies.ts';

const copy = (id: string, takenAt: number, more: Partial<LocalCopy> = {}): LocalCopy => ({
  id,
  takenAt,
  stored: true,
  inUse: false,
  pinned: false,
  ...more,
});

const CASES: Record<string, { copies: LocalCopy[]; why: 'wiped' | 'pressure'; want: string[] }> = {
  'under pressure the oldest goes first': {
    copies: [copy('new', 3), copy('old', 1), copy('middle', 2)],
    why: 'pressure',
    want: ['old', 'middle', 'new'],
  },
  'what no store has stays, however old': {
    copies: [copy('only', 1, { stored: false }), copy('other', 2)],
    why: 'pressure',
    want: ['other'],
  },
  'what a pod is being restored from stays': {
    copies: [copy('used', 1, { inUse: true })],
    why: 'wiped',
    want: [],
  },
  'a pin holds a copy against pressure': { copies: [copy('pinned', 1, { pinned: true })], why: 'pressure', want: [] },
  'a pin does not hold a plain copy on a node where none is to lie': {
    copies: [copy('pinned', 1, { pinned: true })],
    why: 'wiped',
    want: ['pinned'],
  },
};

for (const [sentence, { copies, why, want }] of Object.entries(CASES)) {
  test(sentence, () =>
    assert.deepEqual(
      expendableCopies(copies, why).map(({ id }) => id),
      want,
    ),
  );
}

test('whatever there is, nothing goes that no store has or that is in use', () => {
  const any = fc.record({
    id: fc.string(),
    takenAt: fc.nat(),
    stored: fc.boolean(),
    inUse: fc.boolean(),
    pinned: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(any), fc.constantFrom('wiped' as const, 'pressure' as const), (copies, why) => {
      for (const { stored, inUse } of expendableCopies(copies, why)) assert.ok(stored && !inUse);
    }),
  );
});

test('water marks are shares of the disk, the low one below the high one', () => {
  assert.equal(usedShare({ freeBytes: 25, totalBytes: 100 }), 0.75);
  checkWaterMarks({ high: 0.85, low: 0.75 });
  for (const marks of [
    { high: 0.7, low: 0.8 },
    { high: 1, low: 0.5 },
    { high: 0.5, low: 0 },
    { high: Number.NaN, low: 0.5 },
  ]) {
    assert.throws(() => checkWaterMarks(marks), RangeError);
  }
});

const DISK = { totalBytes: 1_000, freeBytes: 100 };
const PLANS: Record<string, { why: Parameters<typeof planCopies>[1]; want: string[] }> = {
  'what goes under pressure is said until the disk would be below the low mark, and why the others stay': {
    why: { marks: { high: 0.85, low: 0.75 }, disk: DISK },
    want: [
      'first goes: the disk is 90 % full',
      'second goes: the disk is 80 % full',
      'third stays: the disk is 70 % full by then, the low mark is 75 %',
      'only stays: no store has it',
      'used stays: a pod is being restored from it',
      'pinned stays: it is pinned',
    ],
  },
  'below the high mark nothing goes': {
    why: { marks: { high: 0.95, low: 0.1 }, disk: DISK },
    want: [
      'first stays: the disk is 90 % full, the high mark is 95 %',
      'second stays: the disk is 90 % full, the high mark is 95 %',
      'third stays: the disk is 90 % full, the high mark is 95 %',
      'only stays: no store has it',
      'used stays: a pod is being restored from it',
      'pinned stays: it is pinned',
    ],
  },
  'where none is to lie all go that may': {
    why: 'wiped',
    want: [
      'pinned goes: no plain data stays on the node',
      'first goes: no plain data stays on the node',
      'second goes: no plain data stays on the node',
      'third goes: no plain data stays on the node',
      'only stays: no store has it',
      'used stays: a pod is being restored from it',
    ],
  },
};

for (const [sentence, { why, want }] of Object.entries(PLANS)) {
  test(sentence, () => {
    const copies = [
      copy('third', 3),
      copy('only', 0, { stored: false }),
      copy('first', 1),
      copy('used', 0, { inUse: true }),
      copy('pinned', 0, { pinned: true }),
      copy('second', 2),
    ];
    const plan = planCopies(
      copies.map((one) => ({ ...one, sizeBytes: 100 })),
      why,
    );
    const line = ({ id, goes, because }: CopyVerdict): string => `${id} ${goes ? 'goes' : 'stays'}: ${because}`;
    assert.deepEqual(plan.map(line), want);
  });
}
