import type { RetainedCheckpoint, RetainedWorkload } from '../../checkpoint/index.ts';
import {
  conditionOf,
  isOnlyState,
  isTerminal,
  keyOf,
  PINNED_ANNOTATION,
  type Pod,
  type PodCheckpoint,
  RESTORE_FROM_ANNOTATION,
  workloadOfCheckpoint,
} from '../../model/index.ts';

/** The checkpoint as the rules of retention see it. `pods`: those of its workload. */
export function retainedCheckpoint(checkpoint: PodCheckpoint, pods: readonly Pod[]): RetainedCheckpoint {
  const { metadata, spec, status } = checkpoint;
  const ready = conditionOf(status?.conditions, 'Ready');
  const failed = ready?.reason === 'CheckpointFailed' || ready?.reason === 'SourcePodReplaced';
  return {
    id: keyOf(checkpoint),
    workload: workloadOfCheckpoint(checkpoint),
    state: ready?.status === 'True' ? 'ready' : failed ? 'failed' : 'pending',
    takenAt: Date.parse(status?.startTime ?? metadata.creationTimestamp),
    reason: spec.reason ?? 'Manual',
    suspends: isOnlyState(checkpoint),
    pinned: metadata.annotations?.[PINNED_ANNOTATION] !== undefined,
    awaited: pods.some((pod) => goesOnFrom(pod, metadata.name)),
  };
}

/** What became of the workload, as far as its objects tell; `goneSince`: since when no living pod of it has been seen. */
export function retainedWorkload(
  workload: string,
  checkpoints: readonly PodCheckpoint[],
  pods: readonly Pod[],
  goneSince: number,
): RetainedWorkload {
  const living = pods.find((pod) => !isTerminal(pod));
  if (living !== undefined) return { workload, state: living.spec.nodeName === undefined ? 'suspended' : 'running' };
  const ended = pods.find(isTerminal);
  if (ended !== undefined) return { workload, state: 'ended', since: endOf(ended) ?? goneSince };
  const abandoned = checkpoints
    .map(({ status }) => conditionOf(status?.conditions, 'Restored'))
    .find((restored) => restored?.reason === 'Abandoned');
  if (abandoned !== undefined) {
    return { workload, state: 'orphaned', since: Date.parse(abandoned.lastTransitionTime ?? '') || goneSince };
  }
  if (checkpoints.some(isOnlyState)) return { workload, state: 'suspended' };
  return { workload, state: 'ended', since: goneSince };
}

/** It is to be restored from it, or was: after a crash it goes on from there again, whatever was dumped since. */
function goesOnFrom(pod: Pod, checkpoint: string): boolean {
  return pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === checkpoint && !isTerminal(pod);
}

function endOf({ status }: Pod): number | undefined {
  const times = (status?.containerStatuses ?? [])
    .map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ''))
    .filter((time) => !Number.isNaN(time));
  return times.length === 0 ? undefined : Math.max(...times);
}
