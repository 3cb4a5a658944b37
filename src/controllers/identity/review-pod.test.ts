import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdmissionRequest } from '../../kubernetes/index.ts';
import type { PodVerdict } from './pod-identity.ts';
import { reviewPod } from './review-pod.ts';

const spec = { containers: [{ name: 'c' }] };

async function asked(options: {
  object: unknown;
  verdict?: PodVerdict;
  allowed?: boolean;
  operation?: 'CREATE' | 'UPDATE';
}) {
  const rights: unknown[] = [];
  const request: AdmissionRequest = {
    uid: 'u',
    operation: options.operation ?? 'CREATE',
    namespace: 'team',
    name: '',
    object: options.object,
    dryRun: false,
    userInfo: { username: 'alice', groups: ['staff'] },
  };
  const answer = await reviewPod(
    {
      identity: {
        review: async () => options.verdict ?? { type: 'Unchanged' },
        checkpointUid: async () => undefined,
      },
      isAllowed: async (review) => {
        rights.push(review);
        return { allowed: options.allowed === true };
      },
    },
    request,
    new AbortController().signal,
  );
  return { answer, rights };
}

const claiming = { metadata: { annotations: { 'fermata.dev/restore-from': 'cp' } }, spec };

test('who asks for a checkpoint needs the right to restore it, also for a pod that exists', async () => {
  for (const operation of ['CREATE', 'UPDATE'] as const) {
    const refused = await asked({ object: claiming, operation });
    assert.ok(!refused.answer.allowed && refused.answer.code === 403);
    assert.deepEqual((await asked({ object: claiming, operation, allowed: true })).answer, { allowed: true });
  }
});

test('other pods need no right, and are not told who they are once they exist', async () => {
  const { answer, rights } = await asked({ object: { metadata: {}, spec } });
  assert.deepEqual([answer, rights], [{ allowed: true }, []]);
  const verdict: PodVerdict = { type: 'Refused', reason: 'not to be asked' };
  const changed = await asked({ object: { metadata: {}, spec }, operation: 'UPDATE', verdict });
  assert.deepEqual(changed.answer, { allowed: true });
  assert.deepEqual((await asked({ object: undefined })).answer, { allowed: true });
});

test('a refusal for the moment asks its maker to come again', async () => {
  const { answer } = await asked({ object: { metadata: {}, spec }, verdict: { type: 'Refused', reason: 'later' } });
  assert.deepEqual(answer, { allowed: false, code: 429, reason: 'TooManyRequests', message: 'later' });
});

test('the patch goes out with the name of its checkpoint in the audit log', async () => {
  const verdict: PodVerdict = { type: 'Patched', patch: [], checkpoint: 'cp', warning: 'w' };
  const { answer } = await asked({ object: { metadata: {}, spec }, verdict });
  assert.deepEqual(answer, { allowed: true, patch: [], auditAnnotations: { checkpoint: 'cp' }, warnings: ['w'] });
});
