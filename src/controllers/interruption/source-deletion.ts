import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { conditionOf, NOTHING_RUNS, PODS, type Pod, type PodCheckpoint } from '../../model/index.ts';
import type { ControlledWorkloads } from '../identity/controlled-workloads.ts';

/** Grace for a victim that is frozen already: the node needs no longer, but must still confirm, so never 0. */
export const FROZEN_POD_GRACE_SECONDS = 1;

/**
 * Step 4: only the very pod that was dumped, and only now that its dump is verified. Its node has to confirm that it is gone; when
 * the agent there has seen that nothing of it runs, its object does not wait for whoever else keeps it.
 */
export async function deleteSource(
  parts: { store: ObjectStore; controlled: ControlledWorkloads },
  checkpoint: PodCheckpoint,
  pod: Pod | undefined,
  signal: AbortSignal,
): Promise<undefined> {
  const uid = checkpoint.status?.sourcePodUID ?? checkpoint.spec.sourcePod.uid;
  if (uid === undefined || pod?.metadata.uid !== uid) return undefined;
  const isLeaving = pod.metadata.deletionTimestamp !== undefined;
  const isEmpty = conditionOf(checkpoint.status?.conditions, 'Released')?.reason === NOTHING_RUNS;
  if (isLeaving && !isEmpty) return undefined;
  const { namespace, name } = pod.metadata;
  const gracePeriodSeconds = isLeaving ? 0 : FROZEN_POD_GRACE_SECONDS;
  try {
    if (!isLeaving) await parts.controlled.beforeDeletion(checkpoint, pod, signal);
    await parts.store.delete(PODS, { namespace, name }, { uid, gracePeriodSeconds, signal });
  } catch (error) {
    if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
  }
  return undefined;
}
