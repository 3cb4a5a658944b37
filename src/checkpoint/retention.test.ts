import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  DEFAULT_GRACES,
  type ExpendableCheckpoint,
  planRetention,
  type RetainedCheckpoint,
  type RetainedWorkload,
} from './retention.ts';

const HOUR = 3_600_000;
const NOW = 100 * HOUR;

function checkpoint(id: string, changes: Partial<RetainedCheckpoint> = {}): RetainedCheckpoint {
  return {
    id,
    workload: 'w',
    state: 'ready',
    takenAt: NOW - HOUR,
    reason: 'Preemption',
    suspends: false,
    awaited: false,
    pinned: false,
    ...changes,
  };
}

const running: RetainedWorkload = { workload: 'w', state: 'running' };
const suspended: RetainedWorkload = { workload: 'w', state: 'suspended' };

interface Case {
  checkpoints: RetainedCheckpoint[];
  workloads: RetainedWorkload[];
  want: ExpendableCheckpoint[];
  lookAgainAt?: number;
}

const cases: Record<string, Case> = {
  'keeps the latest checkpoint of a running workload, restored or not': {
    checkpoints: [checkpoint('a')],
    workloads: [running],
    want: [],
  },
  'lets older ones of a living workload go': {
    checkpoints: [checkpoint('a', { takenAt: 1 }), checkpoint('b', { takenAt: 3 }), checkpoint('c', { takenAt: 2 })],
    workloads: [running],
    want: [
      { id: 'a', why: 'Superseded' },
      { id: 'c', why: 'Superseded' },
    ],
  },
  'keeps what is pinned, whatever became of its workload': {
    checkpoints: [checkpoint('a', { takenAt: 1, pinned: true })],
    workloads: [{ workload: 'w', state: 'ended', since: 1 }],
    want: [],
  },
  'keeps the older one while the newer is not Ready': {
    checkpoints: [checkpoint('a', { takenAt: 1 }), checkpoint('b', { takenAt: 2, state: 'pending' })],
    workloads: [running],
    want: [],
  },
  'keeps the only copy of a suspended workload, however old': {
    checkpoints: [checkpoint('a', { takenAt: 1, suspends: true })],
    workloads: [suspended],
    want: [],
  },
  'keeps what a workload is suspended by, though a clock of another node says a copy is later': {
    checkpoints: [checkpoint('a', { takenAt: 1, suspends: true }), checkpoint('b', { takenAt: 2, reason: 'Periodic' })],
    workloads: [suspended],
    want: [],
  },
  'keeps what a pod is to be restored from': {
    checkpoints: [checkpoint('a', { takenAt: 1, awaited: true }), checkpoint('b', { takenAt: 2 })],
    workloads: [suspended],
    want: [],
  },
  'lets those of an ended workload go after the grace': {
    checkpoints: [checkpoint('a')],
    workloads: [{ workload: 'w', state: 'ended', since: NOW - DEFAULT_GRACES.endedMilliseconds }],
    want: [{ id: 'a', why: 'WorkloadEnded' }],
  },
  'waits for the grace of an ended workload, and says until when': {
    checkpoints: [checkpoint('a')],
    workloads: [{ workload: 'w', state: 'ended', since: NOW - 1000 }],
    want: [],
    lookAgainAt: NOW - 1000 + DEFAULT_GRACES.endedMilliseconds,
  },
  'lets an orphan go after an hour': {
    checkpoints: [checkpoint('a', { suspends: true })],
    workloads: [{ workload: 'w', state: 'orphaned', since: NOW - HOUR }],
    want: [{ id: 'a', why: 'WorkloadDeleted' }],
  },
  'keeps an orphan for an hour': {
    checkpoints: [checkpoint('a', { suspends: true })],
    workloads: [{ workload: 'w', state: 'orphaned', since: NOW - HOUR + 1 }],
    want: [],
    lookAgainAt: NOW + 1,
  },
  'never lets a manual one go by itself': {
    checkpoints: [checkpoint('a', { takenAt: 1, reason: 'Manual' }), checkpoint('b', { takenAt: 2 })],
    workloads: [{ workload: 'w', state: 'ended', since: 0 }],
    want: [{ id: 'b', why: 'WorkloadEnded' }],
  },
  'counts a manual one as the latest state': {
    checkpoints: [checkpoint('a', { takenAt: 1 }), checkpoint('b', { takenAt: 2, reason: 'Manual' })],
    workloads: [running],
    want: [{ id: 'a', why: 'Superseded' }],
  },
  'lets the record of a failed one go after an hour': {
    checkpoints: [
      checkpoint('a', { state: 'failed', takenAt: NOW - HOUR }),
      checkpoint('b', { state: 'failed', takenAt: NOW - HOUR + 5 }),
    ],
    workloads: [running],
    want: [{ id: 'a', why: 'Failed' }],
    lookAgainAt: NOW + 5,
  },
  'keeps everything of a workload nothing is known of': {
    checkpoints: [checkpoint('a', { takenAt: 1 }), checkpoint('b', { takenAt: 2 })],
    workloads: [],
    want: [],
  },
};

for (const [sentence, { checkpoints, workloads, want, lookAgainAt }] of Object.entries(cases)) {
  test(`retention ${sentence}`, () => {
    const plan = planRetention(checkpoints, workloads, NOW);
    assert.deepEqual(plan, { expendable: want, ...(lookAgainAt === undefined ? {} : { lookAgainAt }) });
  });
}

const world = fc
  .record({
    workloads: fc.array(
      fc.record({
        state: fc.constantFrom<RetainedWorkload['state']>('running', 'suspended', 'ended', 'orphaned'),
        since: fc.integer({ min: 0, max: NOW }),
      }),
      { minLength: 1, maxLength: 3 },
    ),
    checkpoints: fc.array(
      fc.record({
        owner: fc.integer({ min: 0, max: 3 }),
        state: fc.constantFrom<RetainedCheckpoint['state']>('pending', 'ready', 'ready', 'failed'),
        takenAt: fc.integer({ min: 0, max: 5 }),
        reason: fc.constantFrom<RetainedCheckpoint['reason']>('Preemption', 'Periodic', 'Manual'),
        suspends: fc.boolean(),
        pinned: fc.boolean(),
        awaited: fc.boolean(),
      }),
      { maxLength: 8 },
    ),
  })
  .map(({ workloads, checkpoints }) => ({
    workloads: workloads.map((workload, index) => ({ ...workload, workload: `w${index}` })),
    checkpoints: checkpoints.map(({ owner, ...rest }, index) => ({ ...rest, id: `c${index}`, workload: `w${owner}` })),
  }));

test('retention never gives up the only copy of a suspended workload, nor anything of somebody else', () => {
  fc.assert(
    fc.property(world, ({ workloads, checkpoints }) => {
      const gone = new Set(planRetention(checkpoints, workloads, NOW).expendable.map(({ id }) => id));
      for (const { workload, state } of workloads) {
        const ready = checkpoints.filter((one) => one.workload === workload && one.state === 'ready');
        if (ready.length === 0 || state === 'ended' || state === 'orphaned') continue;
        const latest = Math.max(...ready.map(({ takenAt }) => takenAt));
        assert.ok(ready.some(({ id, takenAt }) => takenAt === latest && !gone.has(id)));
        for (const { id, suspends } of ready) if (suspends) assert.ok(!gone.has(id));
        for (const { id, pinned } of checkpoints) if (pinned) assert.ok(!gone.has(id));
      }
      for (const { id, reason, awaited, state } of checkpoints) {
        if (reason === 'Manual' || awaited || state === 'pending') assert.ok(!gone.has(id));
      }
    }),
  );
});

test('after what may go is gone nothing more may go at that moment', () => {
  fc.assert(
    fc.property(world, ({ workloads, checkpoints }) => {
      const gone = new Set(planRetention(checkpoints, workloads, NOW).expendable.map(({ id }) => id));
      const left = checkpoints.filter(({ id }) => !gone.has(id));
      assert.deepEqual(planRetention(left, workloads, NOW).expendable, []);
    }),
  );
});
