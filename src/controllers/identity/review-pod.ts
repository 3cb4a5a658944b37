import type { AdmissionAnswer, AdmissionRequest } from '../../kubernetes/index.ts';
import { GROUP, POD_CHECKPOINTS, RESTORE_FROM_ANNOTATION } from '../../model/index.ts';
import type { PodIdentity } from './pod-identity.ts';
import type { NewPod } from './replacement.ts';

export interface ReviewParts {
  identity: Pick<PodIdentity, 'review'>;
  /** Asks the API server about `spec` of a SubjectAccessReview. */
  isAllowed: (spec: object) => Promise<{ allowed: boolean; reason?: string }>;
}

/**
 * What the API server is told about a pod to be created. A pod that asks to be restored is somebody's memory made to run again:
 * who creates it needs the verb `restore` on that checkpoint, as in KEP-5823. A refusal to be tried again is 429 (a conflict
 * would say that the pod exists).
 */
export async function reviewPod(
  { identity, isAllowed }: ReviewParts,
  request: AdmissionRequest,
  signal: AbortSignal,
): Promise<AdmissionAnswer> {
  const pod = request.object as Partial<NewPod> | undefined;
  if (request.operation !== 'CREATE' || pod?.spec === undefined || pod.metadata === undefined) return { allowed: true };
  const { namespace } = request;
  const from = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION];
  if (from !== undefined) {
    const { username: user, groups, uid, extra } = request.userInfo;
    const resourceAttributes = {
      group: GROUP,
      resource: POD_CHECKPOINTS.plural,
      verb: 'restore',
      namespace,
      name: from,
    };
    const { allowed, reason } = await isAllowed({
      user,
      groups,
      ...(uid !== undefined && { uid }),
      ...(extra !== undefined && { extra }),
      resourceAttributes,
    });
    if (allowed) return { allowed: true };
    const message = `user "${user}" may not restore podcheckpoint "${from}" in namespace "${namespace}"${reason === undefined ? '' : `: ${reason}`}`;
    return { allowed: false, code: 403, reason: 'Forbidden', message };
  }
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
