import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type LimitedCheckpoint, planLimits, type RetentionLimits, type WorkloadLimits } from './retention-limits.ts';

const NOW = 1_000_000;

interface Case {
  /** `id: [workload, takenAt, sizeBytes or those of its containers, kept?]`; `workload:pod` where it has had several pods. */
  checkpoints: Record<string, [string, number, number | Record<string, number>, 'kept'?]>;
  workloads?: Record<string, WorkloadLimits>;
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
  'each pod of a workload has its own, and all of them those of the workload': {
    checkpoints: { a: ['w:1', 1, 1], b: ['w:1', 2, 1], c: ['w:2', 3, 1], d: ['w:2', 4, 1], e: ['w:3', 5, 1] },
    workloads: { w: { pod: { maxCheckpoints: 1 }, maxCheckpoints: 2 } },
    want: { a: 'TooMany', c: 'TooMany', b: 'TooMany' },
  },
  'the oldest of a pod go until their size is right': {
    checkpoints: { a: ['w:1', 1, 60], b: ['w:2', 2, 90], c: ['w:1', 3, 50] },
    workloads: { w: { pod: { maxTotalBytes: 100 } } },
    want: { a: 'TooMuch' },
  },
  'a checkpoint goes whole by the number of one of its containers': {
    checkpoints: { a: ['w', 1, { main: 1, sidecar: 1 }], b: ['w', 2, { sidecar: 1 }], c: ['w', 3, { main: 1 }] },
    workloads: { w: { container: { maxCheckpoints: 1 } } },
    want: { a: 'TooMany' },
  },
  'a checkpoint goes by the size of one container, though as a whole it is within the limit': {
    checkpoints: { a: ['w', 1, { main: 90, sidecar: 1 }], b: ['w', 2, { main: 40, sidecar: 50 }] },
    workloads: { w: { maxCheckpointBytes: 100, container: { maxCheckpointBytes: 80 } } },
    want: { a: 'TooLarge' },
  },
  'what holds for one container holds for it instead of what holds for any': {
    checkpoints: { a: ['w', 1, { main: 5, sidecar: 5 }], b: ['w', 2, { main: 5 }], c: ['w', 3, { main: 5 }] },
    workloads: { w: { container: { maxTotalBytes: 5 }, containers: new Map([['main', { maxTotalBytes: 10 }]]) } },
    want: { a: 'TooMuch' },
  },
  'containers of the same name in other workloads are others': {
    checkpoints: { a: ['v', 1, { main: 5 }], b: ['w', 2, { main: 5 }] },
    workloads: { v: { container: { maxCheckpoints: 1 } }, w: { container: { maxCheckpoints: 1 } } },
    want: {},
  },
  'what goes by the limits of a container does not count for its pod': {
    checkpoints: { a: ['w', 1, { main: 5 }], b: ['w', 2, { main: 5 }], c: ['w', 3, { main: 5 }] },
    workloads: { w: { container: { maxCheckpoints: 2 }, pod: { maxTotalBytes: 10 } } },
    want: { a: 'TooMany' },
  },
  'a kept one is over the limit of its container for ever': {
    checkpoints: { a: ['w', 1, { main: 5 }, 'kept'], b: ['w', 2, { main: 5 }, 'kept'] },
    workloads: { w: { container: { maxCheckpoints: 1, maxCheckpointBytes: 1, maxTotalBytes: 1 } } },
    want: {},
  },
};

for (const [sentence, { checkpoints, workloads = {}, namespace, want, lookAgainAt }] of Object.entries(cases)) {
  test(sentence, () => {
    const list = Object.entries(checkpoints).map(([id, [owner, takenAt, size, kept]]) => {
      const containers = Object.entries(typeof size === 'number' ? { main: size } : size);
      return {
        id,
        workload: owner.split(':')[0] ?? '',
        pod: owner,
        takenAt,
        sizeBytes: containers.reduce((sum, [, sizeBytes]) => sum + sizeBytes, 0),
        containers: containers.map(([name, sizeBytes]) => ({ name, sizeBytes })),
        kept: kept !== undefined,
      };
    });
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
          pod: fc.constantFrom('1', '2', '3'),
          containers: fc.subarray(['main', 'sidecar']),
          takenAt: fc.nat(20),
          sizeBytes: fc.nat(12),
          kept: fc.boolean(),
        }),
        {
          maxLength: 12,
        },
      ),
      limits,
      fc.record({ pod: limits, container: limits }),
      limits,
      (list, ofAny, ofParts, ofNamespace) => {
        const checkpoints: LimitedCheckpoint[] = list.map(({ containers, ...one }, index) => ({
          ...one,
          id: `c${index}`,
          pod: `${one.workload}-${one.pod}`,
          containers: containers.map((name) => ({ name, sizeBytes: one.sizeBytes })),
        }));
        const policy = { ofWorkload: () => ({ ...ofAny, ...ofParts }), ofNamespace };
        const gone = planLimits(checkpoints, policy, 20).expendable.map(({ id }) => id);
        assert.equal(new Set(gone).size, gone.length);
        const left = checkpoints.filter(({ id }) => !gone.includes(id));
        for (const { id, kept } of checkpoints) if (kept) assert.ok(!gone.includes(id));
        assert.deepEqual(planLimits(left, policy, 20).expendable, []);
        const within = (sharing: LimitedCheckpoint[], { maxCheckpoints = Infinity }: RetentionLimits): void => {
          if (sharing.some(({ kept }) => !kept)) assert.ok(sharing.length <= maxCheckpoints);
        };
        for (const workload of ['v', 'w']) {
          const own = left.filter((one) => one.workload === workload);
          within(own, ofAny);
          for (const pod of ['1', '2', '3']) {
            within(
              own.filter((one) => one.pod === `${workload}-${pod}`),
              ofParts.pod,
            );
          }
          for (const name of ['main', 'sidecar']) {
            within(
              own.filter(({ containers }) => containers.some((one) => one.name === name)),
              ofParts.container,
            );
          }
        }
      },
    ),
  );
});
