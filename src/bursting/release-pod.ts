import { rfc3339 } from '../clock/index.ts';
import type { ObjectStore } from '../kubernetes/index.ts';
import { type Condition, PODS, type Pod } from '../model/index.ts';
import { BATCH_JOBS, type Job } from './job.ts';
import { OVERFLOWED_ANNOTATION } from './marks.ts';

/** From now on pods of this very Job are connectors. Throws ApiError NotFound, or Conflict when another has taken its name. */
export async function markJob(
  store: ObjectStore,
  { metadata: { namespace, name, uid } }: Job,
  now: number,
  signal?: AbortSignal,
): Promise<void> {
  const patch = { metadata: { uid, annotations: { [OVERFLOWED_ANNOTATION]: rfc3339(now) } } };
  await store.patch(BATCH_JOBS, { namespace, name }, patch, signal === undefined ? {} : { signal });
}

/**
 * Lets a pod that waits for room make way, if it is as it was seen: a pod that was bound meanwhile has another version. It is
 * first marked as disrupted, so that its Job's `podFailurePolicy` does not count it. Throws ApiError Conflict or NotFound.
 */
export async function releasePod(store: ObjectStore, pod: Pod, now: number, signal?: AbortSignal): Promise<void> {
  const { namespace, name, uid, resourceVersion } = pod.metadata;
  const options = signal === undefined ? {} : { signal };
  const disrupted: Condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'OverflowToHPC',
    message: 'the cluster had no room for it; it runs at the HPC site instead',
    lastTransitionTime: rfc3339(now),
  };
  const others = (pod.status?.conditions ?? []).filter(({ type }) => type !== disrupted.type);
  const patch = { metadata: { uid, resourceVersion }, status: { conditions: [...others, disrupted] } };
  const marked: Pod = await store.patch(PODS, { namespace, name }, patch, { subresource: 'status', ...options });
  await store.delete(PODS, { namespace, name }, { uid, resourceVersion: marked.metadata.resourceVersion, ...options });
}
