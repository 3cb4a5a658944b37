import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Condition, ContainerStatus, Pod } from '../../model/index.ts';
import { upstreamOutcome } from './upstream-outcome.ts';

const running = { running: { startedAt: '2026-01-01T00:00:00Z' } };
const restoring = (reason: string): Condition => ({ type: 'Restoring', status: 'False', reason, message: 'why' });

const CASES: Record<
  string,
  { state?: ContainerStatus['state']; condition?: Condition; wasRestored?: true; wants: string; message?: string }
> = {
  'waits while nothing runs': { wants: 'waiting' },
  'waits while the kubelet restores': { condition: { type: 'Restoring', status: 'True' }, wants: 'waiting' },
  'waits for a checkpoint that is not Ready yet': { condition: restoring('CheckpointNotReady'), wants: 'waiting' },
  'waits for another restore of its name': { condition: restoring('RestoreInProgress'), wants: 'waiting' },
  'waits for what the kubelet tries again': { condition: restoring('Whatever'), wants: 'waiting' },
  'has failed on another node': {
    condition: restoring('CheckpointWrongNode'),
    wants: 'failed',
    message: 'CheckpointWrongNode: why',
  },
  'has failed with another spec': { condition: restoring('PodSpecMismatch'), wants: 'failed' },
  'has failed without data': { condition: restoring('CheckpointDataMissing'), wants: 'failed' },
  'is restored when it runs and the kubelet said so': { state: running, wasRestored: true, wants: 'restored' },
  'is doubtful when it runs and nobody said so': { state: running, wants: 'doubtful' },
};

for (const [sentence, { state, condition, wasRestored = false, wants, message }] of Object.entries(CASES)) {
  test(`a pod with restoreFrom ${sentence}`, () => {
    const status = { name: 'main', image: '', imageID: '', ready: true, restartCount: 0 };
    const pod = {
      metadata: {},
      spec: { containers: [{ name: 'main' }] },
      status: {
        ...(condition && { conditions: [condition] }),
        containerStatuses: state === undefined ? [] : [{ ...status, state }],
      },
    } as unknown as Pod;
    const outcome = upstreamOutcome(pod, wasRestored);
    assert.equal(outcome.state, wants);
    if (message !== undefined) assert.deepEqual(outcome, { state: wants, message });
  });
}
