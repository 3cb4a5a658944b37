import { conditionOf, type Pod, RESTORE_FROM_ANNOTATION } from '../../model/index.ts';
import { type RestoreOutcome, restoreOutcome } from './restore-outcome.ts';

/** Set by the kubelet while it restores a pod, and False with a reason while it cannot (KEP-5823). */
export const RESTORING_CONDITION = 'Restoring';
/** Of the kubelet's event on a pod that it has restored (KEP-5823). */
export const RESTORE_SUCCEEDED = 'RestoreSucceeded';
/** The kubelet tries again after these too, and can only fail again. */
const HOPELESS = new Set(['CheckpointWrongNode', 'PodSpecMismatch', 'CheckpointDataMissing']);

/** The checkpoint of Fermata's that the kubelet restores by `spec.restoreFrom`; undefined: none. */
export function upstreamRestoreOf(pod: Pod): string | undefined {
  return pod.spec.restoreFrom === undefined ? undefined : pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION];
}

/**
 * Pure: how far it has come. `doubtful`: it runs, and nothing says that it was restored: a kubelet with the feature off ignores
 * `restoreFrom` and starts the pod from its image.
 * @param wasRestored whether the kubelet was seen to restore it
 */
export function upstreamOutcome(pod: Pod, wasRestored: boolean): RestoreOutcome | { state: 'doubtful' } {
  const restoring = conditionOf(pod.status?.conditions, RESTORING_CONDITION);
  const { status, reason = '', message = '' } = restoring ?? {};
  if (status === 'False' && HOPELESS.has(reason)) return { state: 'failed', message: `${reason}: ${message}` };
  const outcome = restoreOutcome(pod);
  return outcome.state === 'restored' && !wasRestored ? { state: 'doubtful' } : outcome;
}
