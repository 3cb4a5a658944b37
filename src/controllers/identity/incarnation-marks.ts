import {
  AVOID_NODES_ANNOTATION,
  FIRST_ENQUEUED_ANNOTATION,
  INCARNATION_ANNOTATION,
  NOT_BEFORE_ANNOTATION,
  type ObjectMeta,
  type PodCheckpoint,
  RAN_SECONDS_ANNOTATION,
  RESTORE_FAILURES_ANNOTATION,
  RESTORE_FROM_ANNOTATION,
  WORKLOAD_ANNOTATION,
  WORKLOAD_LABEL,
  workloadLabelOfCheckpoint,
} from '../../model/index.ts';

/** What makes a pod the next incarnation of the checkpointed workload, whoever creates the pod. */
export function incarnationMarks(checkpoint: PodCheckpoint): {
  labels: Record<string, string>;
  annotations: Record<string, string>;
} {
  const recorded = ((checkpoint.status?.checkpointedPodTemplate?.metadata ?? {}) as Partial<ObjectMeta>).annotations;
  const incarnation = Number(recorded?.[INCARNATION_ANNOTATION] ?? '1');
  const ran = recorded?.[RAN_SECONDS_ANNOTATION];
  const { failures = 0, notBefore, avoidNodes } = checkpoint.status?.restoration ?? {};
  return {
    labels: { [WORKLOAD_LABEL]: workloadLabelOfCheckpoint(checkpoint) },
    annotations: {
      [WORKLOAD_ANNOTATION]: recorded?.[WORKLOAD_ANNOTATION] ?? checkpoint.spec.sourcePod.name,
      [INCARNATION_ANNOTATION]: String((Number.isSafeInteger(incarnation) ? incarnation : 1) + 1),
      [FIRST_ENQUEUED_ANNOTATION]: recorded?.[FIRST_ENQUEUED_ANNOTATION] ?? checkpoint.metadata.creationTimestamp,
      ...(ran === undefined ? {} : { [RAN_SECONDS_ANNOTATION]: ran }),
      [RESTORE_FROM_ANNOTATION]: checkpoint.metadata.name,
      ...(failures > 0 && { [RESTORE_FAILURES_ANNOTATION]: String(failures) }),
      ...(failures > 0 && notBefore !== undefined && { [NOT_BEFORE_ANNOTATION]: notBefore }),
      ...(failures > 0 && avoidNodes !== undefined && { [AVOID_NODES_ANNOTATION]: avoidNodes.join(',') }),
    },
  };
}
