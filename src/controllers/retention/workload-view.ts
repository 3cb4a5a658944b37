import type { RetainedCheckpoint, RetainedWorkload } from '../../checkpoint/index.ts';
import {
  conditionOf,
  isConditionTrue,
  keyOf,
  type Pod,
  type PodCheckpoint,
  RESTORE_FROM_ANNOTATION,
  WORKLOAD_ANNOTATION,
  WORKLOAD_LABEL,
} from '../../model/index.ts';

/** `namespace/name` of the workload whose state the checkpoint holds. */
export function workloadOfCheckpoint({ metadata, spec }: PodCheckpoint): string {
  return `${metadata.namespace}/${metadata.labels?.[WORKLOAD_LABEL] ?? spec.sourcePod.name}`;
}

/** `namespace/name` of the workload the pod is an incarnation of, as its checkpoints are labelled. */
export function workloadOfPod({ metadata }: Pod): string {
  const name = metadata.labels?.[WORKLOAD_LABEL] ?? metadata.annotations?.[WORKLOAD_ANNOTATION] ?? metadata.name;
  return `${metadata.namespace}/${name}`;
}

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
    suspends: suspends(checkpoint),
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
  if (checkpoints.some(suspends)) return { workload, state: 'suspended' };
  return { workload, state: 'ended', since: goneSince };
}

function suspends({ spec, status }: PodCheckpoint): boolean {
  if (spec.postCheckpointState !== 'Stopped' || spec.restore === 'Never') return false;
  if (!isConditionTrue(status?.conditions, 'Ready') || isConditionTrue(status?.conditions, 'Restored')) return false;
  return conditionOf(status?.conditions, 'Restored')?.reason !== 'Abandoned';
}

/** It is to be restored from it, or was: after a crash it goes on from there again, whatever was dumped since. */
function goesOnFrom(pod: Pod, checkpoint: string): boolean {
  return pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === checkpoint && !isTerminal(pod);
}

export function isTerminal({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

function endOf({ status }: Pod): number | undefined {
  const times = (status?.containerStatuses ?? [])
    .map(({ state }) => Date.parse(state?.terminated?.finishedAt ?? ''))
    .filter((time) => !Number.isNaN(time));
  return times.length === 0 ? undefined : Math.max(...times);
}
