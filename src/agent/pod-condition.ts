import { type Clock, rfc3339 } from '../clock/index.ts';
import { isApiError, type ObjectStore } from '../kubernetes/index.ts';
import { type Condition, PODS, type Pod, withCondition } from '../model/index.ts';

/**
 * Writes one condition of the pod, beside a kubelet that writes the same status; that the pod is gone, or another one of the name,
 * is fine. Throws ApiError for any other refusal.
 */
export async function writePodCondition(
  { store, clock }: { store: ObjectStore; clock: Clock },
  pod: Pod,
  condition: Condition,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  for (let current = pod; current.metadata.uid === uid; ) {
    const { resourceVersion } = current.metadata;
    const conditions = withCondition(current.status?.conditions, condition, rfc3339(clock.now()));
    try {
      const patch = { metadata: { uid, resourceVersion }, status: { conditions } };
      await store.patch(PODS, { namespace, name }, patch, { subresource: 'status', signal });
      return;
    } catch (error) {
      if (isApiError(error, 'NotFound')) return;
      if (!isApiError(error, 'Conflict')) throw error;
    }
    current = await store.get(PODS, { namespace, name }, { signal });
  }
}
