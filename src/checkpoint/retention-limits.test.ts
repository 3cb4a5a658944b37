import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type LimitedCheckpoint, planLimits, type RetentionLimits } from './retention-limits.ts';

const NOW = 1_000_000;

interface Case {
  /** `id: [workload, takenAt, sizeBytes, kept?]` */
  checkpoints: Record<string, [string, number, number, 'kept'?]>;
  workloads?: Record<string, RetentionLimits>;
  namespace?: RetentionLimits;
  want: Record<string, string>;
  lookAgainAt?: number;
}

const cases: Record<string, Case> = {
  'without limits nothing goes': { checkpoints: { a: ['w', 1, 1e12] }, want: {} },
  'the oldest go until the number is right': {
    checkpoints: { c: ['w', 3, 1], a: ['w', 1, 1], b: ['w', 2, 1] },
    workloads: { w: { maxCheckpoints: 1 } },
    want: { a: 'TooMany', b: 'TooMany' },
  },
  'what is kept counts, and others go in its place': {
    checkpoints: { a: ['w', 1, 1, 'kept'], b: ['w', 2, 1], c: ['w', 3, 1, 'kept'] },
    workloads: { w: { maxCheckpoints: 1 } },
    want: { b: 'TooMany' },
  },
  'the oldest go until their size is right': {
    checkpoints: { a: ['w', 1, 50], b: ['w', 2, 40], c: ['w', 3, 60] },
    workloads: { w: { maxTotalBytes: 100 } },
    want: { a: 'TooMuch' },
  },
  'one that is too large goes, and makes room in the total': {
    checkpoints: { a: ['w', 1, 50], b: ['w', 2, 500], c: ['w', 3, 50] },
    workloads: { w: { maxCheckpointBytes: 100, maxTotalBytes: 100 } },
    want: { b: 'TooLarge' },
  },
  'one of exactly the limit stays': {
    checkpoints: { a: ['w', 1, 100] },
    workloads: { w: { maxCheckpointBytes: 100, maxTotalBytes: 100, maxCheckpoints: 1 } },
    want: {},
  },
  'what is too old goes at that very moment, and until then it is looked at again': {
    checkpoints: { a: ['w', NOW - 1000, 1], b: ['w', NOW - 900, 1], c: ['w', NOW - 100, 1, 'kept'] },
    workloads: { w: { maxAgeMilliseconds: 1000 } },
    want: { a: 'TooOld' },
    lookAgainAt: NOW + 100,
  },
  'each workload has its own limits, the most specific alone': {
    checkpoints: { a: ['v', 1, 1], b: ['v', 2, 1], c: ['w', 1, 1], d: ['w', 2, 1] },
    workloads: { v: { maxCheckpoints: 1 } },
    want: { a: 'TooMany' },
  },
  'across the namespace the oldest go, whosever they are': {
    checkpoints: { a: ['v', 2, 1], b: ['w', 1, 1], c: ['x', 3, 1] },
    namespace: { maxCheckpoints: 2 },
    want: { b: 'TooMany' },
  },
  'what goes by the limits of its workload does not count in the namespace': {
    checkpoints: { a: ['v', 1, 60], b: ['v', 2, 50], c: ['w', 3, 50] },
    workloads: { v: { maxCheckpoints: 1 } },
    namespace: { maxTotalBytes: 100 },
    want: { a: 'TooMany' },
  },
};

for (const [sentence, { checkpoints, workloads = {}, namespace, want, lookAgainAt }] of Object.entries(cases)) {
  test(sentence, () => {
    const list = Object.entries(checkpoints).map(([id, [workload, takenAt, sizeBytes, kept]]) => ({
      id,
      workload,
      takenAt,
      sizeBytes,
      kept: kept !== undefined,
    }));
    const limits = { ofWorkload: (name: string) => workloads[name], ...(namespace && { ofNamespace: namespace }) };
    const plan = planLimits(list, limits, NOW);
    assert.deepEqual(Object.fromEntries(plan.expendable.map(({ id, why }) => [id, why])), want);
    assert.equal(plan.lookAgainAt, lookAgainAt);
  });
}

const limit = fc.option(fc.integer({ min: 1, max: 10 }), { nil: undefined });
const limits = fc
  .record({ maxCheckpoints: limit, maxCheckpointBytes: limit, maxTotalBytes: limit, maxAgeMilliseconds: limit })
  .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as RetentionLimits);

test('what is kept never goes, no checkpoint goes twice, and afterwards all that may go is within the limits', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          workload: fc.constantFrom('v', 'w'),
          takenAt: fc.nat(20),
          sizeBytes: fc.nat(12),
          kept: fc.boolean(),
        }),
        {
          maxLength: 12,
        },
      ),
      limits,
      limits,
      (list, ofAny, ofNamespace) => {
        const checkpoints: LimitedCheckpoint[] = list.map((one, index) => ({ ...one, id: `c${index}` }));
        const policy = { ofWorkload: () => ofAny, ofNamespace };
        const gone = planLimits(checkpoints, policy, 20).expendable.map(({ id }) => id);
        assert.equal(new Set(gone).size, gone.length);
        const left = checkpoints.filter(({ id }) => !gone.includes(id));
        for (const { id, kept } of checkpoints) if (kept) assert.ok(!gone.includes(id));
        assert.deepEqual(planLimits(left, policy, 20).expendable, []);
        for (const own of [
          left.filter(({ workload }) => workload === 'v'),
          left.filter(({ workload }) => workload === 'w'),
        ]) {
          const free = own.some(({ kept }) => !kept);
          if (free && ofAny.maxCheckpoints !== undefined) assert.ok(own.length <= ofAny.maxCheckpoints);
        }
      },
    ),
  );
});
