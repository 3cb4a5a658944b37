import type { AdmissionAnswer, AdmissionRequest } from '../../kubernetes/index.ts';
import type { PodIdentity } from './pod-identity.ts';
import type { NewPod } from './replacement.ts';
import { type RestoreReviewParts, reviewRestore } from './review-restore.ts';

export interface ReviewParts extends Pick<RestoreReviewParts, 'isAllowed'> {
  identity: Pick<PodIdentity, 'review' | 'checkpointUid'>;
}

/**
 * What the API server is told about a pod that is to be created or changed. A refusal to be tried again is 429 (a conflict would say
 * that the pod exists).
 */
export async function reviewPod(
  { identity, isAllowed }: ReviewParts,
  request: AdmissionRequest,
  signal: AbortSignal,
): Promise<AdmissionAnswer> {
  const pod = request.object as Partial<NewPod> | undefined;
  const isChange = request.operation === 'UPDATE';
  if ((request.operation !== 'CREATE' && !isChange) || pod?.spec === undefined || pod.metadata === undefined) {
    return { allowed: true };
  }
  const checkpointUid = identity.checkpointUid.bind(identity);
  const answer = await reviewRestore({ isAllowed, checkpointUid }, request, signal);
  if (answer !== undefined || isChange) return answer ?? { allowed: true };
  const { namespace } = request;
  const { metadata, spec } = pod;
  const verdict = await identity.review(
    { uid: request.uid, namespace, pod: { metadata, spec }, dryRun: request.dryRun },
    signal,
  );
  switch (verdict.type) {
    case 'Unchanged':
      return { allowed: true };
    case 'Refused':
      return { allowed: false, code: 429, reason: 'TooManyRequests', message: verdict.reason };
    case 'Patched':
      return {
        allowed: true,
        patch: verdict.patch,
        auditAnnotations: { checkpoint: verdict.checkpoint },
        ...(verdict.warning !== undefined && { warnings: [verdict.warning] }),
      };
  }
}
