import {
  CHECKPOINT_LOWER_PRIORITY,
  type Pod,
  PREEMPTION_POLICY_ANNOTATION,
  type PriorityClass,
} from '../../model/index.ts';

/** What a pod may do to pods of lower priority. */
export type PreemptionMode = 'CheckpointLowerPriority' | 'PreemptLowerPriority' | 'Never';

/**
 * `Never` anywhere wins; then `CheckpointLowerPriority` on the pod, or on its class as annotation or literally (an
 * unpatched API server admits the literal nowhere and copies the class's plain policy to the pod, so that the annotation
 * must win over it); else as kube-scheduler: preempt by termination.
 */
export function preemptionModeOf(pod: Pod, priorityClass: PriorityClass | undefined): PreemptionMode {
  const said: readonly (string | undefined)[] = [
    pod.spec.preemptionPolicy,
    priorityClass?.metadata.annotations?.[PREEMPTION_POLICY_ANNOTATION],
    priorityClass?.preemptionPolicy,
  ];
  if (said.includes('Never')) return 'Never';
  return said.includes(CHECKPOINT_LOWER_PRIORITY) ? CHECKPOINT_LOWER_PRIORITY : 'PreemptLowerPriority';
}
