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
 * workload has nothing else; it is given up only when its owner deleted its pod (`Abandoned`) or wanted no restore. And a pod
 * that was restored from it goes back to it when its container crashes, until it is deleted or ends.
 * @param pods the pods of the checkpoint's namespace
 */
export function reasonToKeep(checkpoint: PodCheckpoint, pods: readonly Pod[]): string | undefined {
  const pod = pods.find((one) => goesOnFrom(one, checkpoint));
  if (pod !== undefined) {
    return isConditionTrue(pod.status?.conditions, RESTORED_CONDITION)
      ? `pod ${pod.metadata.name} was restored from it, and goes back to it should its container crash`
      : `pod ${pod.metadata.name} is to be restored from it`;
  }
  if (!isOnlyState(checkpoint)) return undefined;
  return `the suspended workload of pod ${checkpoint.spec.sourcePod.name} has nothing else to go on from`;
}

function goesOnFrom(pod: Pod, checkpoint: PodCheckpoint): boolean {
  const { annotations, deletionTimestamp } = pod.metadata;
  if (annotations?.[RESTORE_FROM_ANNOTATION] !== checkpoint.metadata.name) return false;
  return deletionTimestamp === undefined && !isTerminal(pod);
}
