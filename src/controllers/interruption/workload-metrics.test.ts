import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../clock/index.ts';
import { Metrics } from '../../metrics/index.ts';
import type { Condition, PodCheckpoint } from '../../model/index.ts';
import { WorkloadMetrics } from './workload-metrics.ts';

const condition = (type: string, status: 'True' | 'False', reason: string): Condition => ({ type, status, reason });
const DONE = condition('Ready', 'True', 'CheckpointCompleted');

function checkpoint(conditions: Condition[], status: Partial<PodCheckpoint['status']> = {}): PodCheckpoint {
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { name: 'cp', namespace: 'team', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    spec: { sourcePod: { name: 'p' }, postCheckpointState: 'Stopped' },
    status: { conditions, ...status },
  };
}

test('the suspended are counted, with the one that waits longest and those that fail to come back', async () => {
  const clock = new VirtualClock();
  const metrics = new Metrics();
  const workloads = new WorkloadMetrics(metrics, clock);
  const at = (secondsAgo: number): string => new Date(clock.now() - secondsAgo * 1000).toISOString();
  const stop = new AbortController();
  const items = [
    checkpoint([DONE], { completionTime: at(60) }),
    checkpoint([DONE, condition('Restored', 'False', 'RestoreFailed')], {
      completionTime: at(90),
      restoration: { podName: 'p', failures: 2 },
    }),
    checkpoint([DONE, condition('Restored', 'True', 'Restored')], { completionTime: at(900) }),
    checkpoint([condition('Ready', 'False', 'CheckpointFailed')]),
  ];
  assert.equal(workloads.isRead, false);
  workloads.follow({ items: () => items, synced: async () => {} }, stop.signal);
  await Promise.resolve();
  assert.equal(workloads.isRead, true);
  const shown = (): string[] =>
    metrics
      .text()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(shown(), [
    'fermata_checkpoints{reason="CheckpointCompleted"} 3',
    'fermata_checkpoints{reason="CheckpointFailed"} 1',
    'fermata_suspended_workloads 2',
    'fermata_failing_restores 1',
    'fermata_longest_suspension_seconds 90',
  ]);
  stop.abort();
  assert.ok(shown().includes('fermata_suspended_workloads 0'));
});
