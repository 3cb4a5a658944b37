import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pod, RESTORE_FROM_ANNOTATION } from '../model/index.ts';
import type { ContainerObservation } from '../runtime/index.ts';
import { refusalFor } from './dump-refusal.ts';

type Seen = Partial<ContainerObservation> & Pick<ContainerObservation, 'state'>;

const FAILED: Seen = { state: 'exited', exitCode: 137 };

const CASES: Record<string, { side: Seen; restored?: boolean; policy?: string; wants?: RegExp }> = {
  'a pod of which one container has failed is dumped': { side: FAILED },
  'a restored one, which is about to go back to its checkpoint, is not': {
    side: FAILED,
    restored: true,
    wants: /container side has ended, and the pod is about to go back/,
  },
  'nor one that restarts whatever has ended': {
    side: { state: 'exited', exitCode: 0 },
    restored: true,
    policy: 'Always',
    wants: /about to go back/,
  },
  'a restored one whose container has done its work is dumped': {
    side: { state: 'exited', exitCode: 0 },
    restored: true,
  },
  'one that does not restart at all is dumped': { side: FAILED, restored: true, policy: 'Never' },
  'one whose container had failed before the dump is dumped': {
    side: { ...FAILED, endedBeforeDump: true },
    restored: true,
  },
  'one that is frozen by an earlier dump is not': { side: { state: 'frozen' }, wants: /stopped by an earlier/ },
};

for (const [name, { side, restored = false, policy = 'OnFailure', wants }] of Object.entries(CASES)) {
  test(name, () => {
    const base = { id: 'x', image: 'i' };
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'p',
        uid: 'u',
        resourceVersion: '1',
        creationTimestamp: '2026-01-01T00:00:00Z',
        ...(restored && { annotations: { [RESTORE_FROM_ANNOTATION]: 'c1' } }),
      },
      spec: { containers: ['main', 'side'].map((one) => ({ name: one, image: 'i' })), restartPolicy: policy },
    };
    const containers: ContainerObservation[] = [
      { ...base, name: 'main', state: 'running' },
      { ...base, name: 'side', ...side },
    ];
    const refusal = refusalFor(pod, { uid: 'u', namespace: 'default', name: 'p', containers });
    if (wants === undefined) assert.equal(refusal, undefined);
    else assert.match(refusal ?? '', wants);
  });
}
