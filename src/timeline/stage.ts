import {
  conditionOf,
  isConditionTrue,
  isTerminal,
  type Pod,
  type PodCheckpoint,
  RESTORE_FROM_ANNOTATION,
} from '../model/index.ts';

/** What a workload is doing at one instant. */
export type Stage = 'waiting' | 'running' | 'checkpointing' | 'suspended' | 'restoring' | 'finished' | 'gone';

/** From `at` on, the workload is in `stage` (on `node`, where it holds one). Times in ms since the epoch. */
export interface Transition {
  workload: string;
  at: number;
  stage: Stage;
  node?: string | undefined;
}

/** The stage of a pod, given the checkpoints whose source it is. */
export function stageOf(pod: Pod, checkpoints: readonly PodCheckpoint[]): { stage: Stage; node?: string | undefined } {
  const node = pod.spec.nodeName;
  if (isTerminal(pod)) return { stage: 'finished', node };
  for (const { spec, status } of checkpoints) {
    const ready = conditionOf(status?.conditions, 'Ready');
    if (ready?.reason === 'CheckpointInProgress') return { stage: 'checkpointing', node };
    if (
      ready?.status === 'True' &&
      spec.postCheckpointState === 'Stopped' &&
      !isConditionTrue(status?.conditions, 'Restored')
    ) {
      return { stage: 'suspended', node: isConditionTrue(status?.conditions, 'Released') ? undefined : node };
    }
  }
  const running = (pod.status?.containerStatuses ?? []).some((status) => status.state?.running !== undefined);
  if (running) return { stage: 'running', node };
  if (pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] !== undefined) {
    return node === undefined ? { stage: 'suspended' } : { stage: 'restoring', node };
  }
  return { stage: 'waiting', node };
}
