import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InterruptionPolicy, Pod, PodCheckpoint } from '../model/index.ts';
import { upstreamObstacle } from './upstream.ts';

const metadata = {
  name: 'a',
  namespace: 'team',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
};
const owner = { apiVersion: 'batch/v1', kind: 'Job', name: 'sweep', uid: 'j', controller: true };

const CASES: Record<
  string,
  {
    pod?: Partial<Pod['spec']>;
    owned?: true;
    asked?: Partial<PodCheckpoint['spec']>;
    restartFrom?: 'Checkpoint' | 'Image';
    obstacle: RegExp | undefined;
  }
> = {
  'a bare pod that is never started again loses nothing': { obstacle: undefined },
  'nor does one with volumes that are not saved anyway': {
    pod: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
    obstacle: undefined,
  },
  'a container that is started again would begin anew': {
    pod: { restartPolicy: 'OnFailure' },
    obstacle: /from its image/,
  },
  'which is the default': { pod: { restartPolicy: undefined as never }, obstacle: /from its image/ },
  'unless its policy has it so': { pod: { restartPolicy: 'Always' }, restartFrom: 'Image', obstacle: undefined },
  'its emptyDirs would be empty': {
    pod: { volumes: [{ name: 'scratch', emptyDir: {} }] },
    obstacle: /content of its emptyDir scratch/,
  },
  'its controller may not make a pod that restores': { owned: true, obstacle: /^Job sweep makes the next pod/ },
  'it could not leave its node': { asked: { reason: 'Drain' }, obstacle: /on that node only/ },
  'nor be moved': { asked: { reason: 'Migration' }, obstacle: /on that node only/ },
  'its group would lose its connections': { asked: { group: 'ranks' }, obstacle: /group/ },
};

for (const [sentence, { pod = {}, owned, asked = {}, restartFrom, obstacle }] of Object.entries(CASES)) {
  test(`the kubelet's own PodCheckpoint: ${sentence}`, () => {
    const source: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, ...(owned && { ownerReferences: [owner] }) },
      spec: { containers: [{ name: 'main' }], restartPolicy: 'Never', ...pod },
    };
    const checkpoint = { metadata, spec: { sourcePod: { name: 'a' }, reason: 'Preemption', ...asked } };
    const policy = restartFrom && ({ metadata, spec: { restartFrom } } as InterruptionPolicy);
    const found = upstreamObstacle(source, checkpoint as PodCheckpoint, policy);
    if (obstacle === undefined) assert.equal(found, undefined);
    else assert.match(found ?? '', obstacle);
  });
}
