import {
  isConditionTrue,
  isOnlyState,
  isTerminal,
  type Pod,
  type PodCheckpoint,
  RESTORE_FROM_ANNOTATION,
  RESTORED_CONDITION,
} from '../model/index.ts';

/**
 * Why the data of a checkpoint must stay although its deletion was asked for, or undefined when it may go. A suspended
 * workload has nothing else; it is given up only when its owner deleted its pod (`Abandoned`) or wanted no restore.
 * @param pods the pods of the checkpoint's namespace
 */
export function reasonToKeep(checkpoint: PodCheckpoint, pods: readonly Pod[]): string | undefined {
  const waiting = pods.find((pod) => isWaitingFor(pod, checkpoint));
  if (waiting !== undefined) return `pod ${waiting.metadata.name} is to be restored from it`;
  if (!isOnlyState(checkpoint)) return undefined;
  return `the suspended workload of pod ${checkpoint.spec.sourcePod.name} has nothing else to go on from`;
}

function isWaitingFor(pod: Pod, checkpoint: PodCheckpoint): boolean {
  return (
    pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === checkpoint.metadata.name &&
    pod.metadata.deletionTimestamp === undefined &&
    !isTerminal(pod) &&
    !isConditionTrue(pod.status?.conditions, RESTORED_CONDITION)
  );
}
