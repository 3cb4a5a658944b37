import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, PodCheckpoint, PodCheckpointSpec, PodCheckpointStatus } from '../model/index.ts';
import { interruptionTrace } from './interruption-trace.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const at = (seconds: number): string => new Date(T0 + seconds * 1000).toISOString().replace('.000', '');
const condition = (type: string, status: 'True' | 'False', seconds: number, reason = '', message = ''): Condition => ({
  type,
  status,
  reason,
  message,
  lastTransitionTime: at(seconds),
});

function checkpoint(spec: Partial<PodCheckpointSpec>, status: PodCheckpointStatus, uid = UID): PodCheckpoint {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { name: 'p-1', namespace: 'lab', uid, resourceVersion: '1', creationTimestamp: at(0) },
    spec: { sourcePod: { name: 'p' }, postCheckpointState: 'Stopped', reason: 'Preemption', ...spec },
    status,
  };
}
const UID = '7d8ba7b1-221e-42af-a776-841748e768da';
const DUMPED: PodCheckpointStatus = {
  nodeName: 'n1',
  startTime: at(1),
  completionTime: at(4),
  dumpMilliseconds: 2_700,
  checkpointedContainers: [
    { name: 'a', sizeBytes: 100, frozenMicroseconds: 7 },
    { name: 'b', sizeBytes: 11, frozenMicroseconds: 5 },
  ],
};
const READY = condition('Ready', 'True', 4, 'CheckpointCompleted');
const RELEASED = condition('Released', 'True', 5, 'Released');
const BACK: PodCheckpointStatus = {
  ...DUMPED,
  restoreMilliseconds: 2_000,
  conditions: [READY, RELEASED, condition('Restored', 'True', 60, 'Restored')],
};

/** `name from–to`, in seconds. */
function brief(of: PodCheckpoint): string[] | undefined {
  return interruptionTrace(of)?.spans.map(
    ({ name, start, end, failure }) =>
      `${name} ${(start - T0) / 1000}–${(end - T0) / 1000}${failure === undefined ? '' : `: ${failure}`}`,
  );
}

const CASES: Record<string, { of: PodCheckpoint; wants: string[] | undefined }> = {
  'an interruption is told from order to running again': {
    of: checkpoint({}, BACK),
    wants: ['interruption 0–60', 'order 0–1', 'dump 1–4', 'release 4–5', 'suspended 5–58', 'restore 58–60'],
  },
  'not before it is over': { of: checkpoint({}, { ...DUMPED, conditions: [READY, RELEASED] }), wants: undefined },
  'a checkpoint beside which the pod runs on ends with its dump': {
    of: checkpoint({ postCheckpointState: 'Running' }, { ...DUMPED, conditions: [READY] }),
    wants: ['checkpoint 0–4', 'order 0–1', 'dump 1–4'],
  },
  'one that nobody restores ends when the room is free': {
    of: checkpoint({ restore: 'Never' }, { ...DUMPED, conditions: [READY, RELEASED] }),
    wants: ['interruption 0–5', 'order 0–1', 'dump 1–4', 'release 4–5', 'suspended 5–5'],
  },
  'a dump that failed says why': {
    of: checkpoint(
      {},
      { startTime: at(1), conditions: [condition('Ready', 'False', 3, 'CheckpointFailed', 'no space')] },
    ),
    wants: ['interruption 0–3: no space', 'order 0–1', 'dump 1–3: no space'],
  },
  'an order that was never taken up has no steps': {
    of: checkpoint({}, { conditions: [condition('Ready', 'False', 3, 'SourcePodReplaced', 'pod p is gone')] }),
    wants: ['interruption 0–3: pod p is gone'],
  },
  'a workload that was given up ends there': {
    of: checkpoint({}, { ...DUMPED, conditions: [READY, RELEASED, condition('Restored', 'False', 9, 'Abandoned')] }),
    wants: [
      'interruption 0–9: the workload was given up while it was suspended',
      'order 0–1',
      'dump 1–4',
      'release 4–5',
      'suspended 5–9',
    ],
  },
};
for (const [sentence, { of, wants }] of Object.entries(CASES)) {
  test(`traces: ${sentence}`, () => assert.deepEqual(brief(of), wants));
}

test('ids follow from the object: whoever tells of it tells the same, and spans are told apart', () => {
  const trace = interruptionTrace(checkpoint({}, BACK));
  assert.equal(trace?.traceId, UID.replaceAll('-', ''));
  const ids = trace?.spans.map(({ spanId }) => spanId) ?? [];
  assert.equal(new Set(ids).size, 6);
  assert.ok(ids.every((id) => /^[0-9a-f]{16}$/.test(id)));
  assert.deepEqual(
    trace?.spans.map(({ parentSpanId }) => parentSpanId),
    [undefined, ...Array(5).fill(ids[0])],
  );
  assert.equal(interruptionTrace(checkpoint({}, BACK, 'no-uuid')), undefined);
});

test('what was measured stands on its step', () => {
  const [, , dump, , , restore] = interruptionTrace(checkpoint({}, BACK))?.spans ?? [];
  assert.deepEqual(dump?.attributes, {
    'fermata.dump.milliseconds': 2_700,
    'fermata.dump.bytes': 111,
    'fermata.dump.frozen_microseconds': 12,
    'fermata.dump.containers': 2,
  });
  assert.deepEqual(restore?.attributes, { 'fermata.restore.milliseconds': 2_000 });
});
