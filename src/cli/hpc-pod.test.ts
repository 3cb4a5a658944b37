import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readConnectorPod } from './hpc-pod.ts';

const INDEX = 'batch.kubernetes.io/job-completion-index="3"\n';
const LABELS: [string, string, string][] = [
  ['1.26', 'controller-uid="u"\njob-name="j"\n', INDEX],
  ['1.28', `batch.kubernetes.io/controller-uid="u"\nbatch.kubernetes.io/job-name="j"\n${INDEX}`, ''],
];
for (const [version, labels, annotations] of LABELS) {
  test(`each index of a Job is a batch job of its own, as Kubernetes ${version} names it`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fermata-podinfo-'));
    try {
      for (const [name, text] of Object.entries({ labels, annotations, namespace: 'lab\n' })) {
        await writeFile(join(folder, name), text);
      }
      const pod = await readConnectorPod(folder);
      assert.deepEqual(pod, { request: {}, owner: 'lab/j', jobUid: 'u', identity: 'u/3' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

test('outside of a pod nothing is known of one', async () => {
  assert.deepEqual(await readConnectorPod('/no/such/folder'), { request: {} });
});
