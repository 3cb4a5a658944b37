import {
  AVOID_NODES_ANNOTATION,
  DECISION_ANNOTATION,
  type Draft,
  FermataError,
  FIRST_ENQUEUED_ANNOTATION,
  INCARNATION_ANNOTATION,
  NOT_BEFORE_ANNOTATION,
  type ObjectMeta,
  type Pod,
  type PodCheckpoint,
  type PodSpec,
  RESTORE_FAILURES_ANNOTATION,
  RESTORE_FROM_ANNOTATION,
  SUSPENDED_GATE,
  WORKLOAD_ANNOTATION,
  WORKLOAD_LABEL,
} from '../../model/index.ts';

/**
 * The pod that goes on where the checkpointed one stopped: same name, labels and owner, made from the recorded
 * template. It keeps the workload's place in the queue (`first-enqueued`) and counts its incarnations. With
 * `restore: Manual` a scheduling gate holds it until somebody resumes it.
 */
export function nextIncarnation(checkpoint: PodCheckpoint): Draft<Pod> {
  const template = checkpoint.status?.checkpointedPodTemplate;
  if (template === undefined) {
    throw new FermataError(
      'CheckpointWithoutTemplate',
      `checkpoint ${checkpoint.metadata.namespace}/${checkpoint.metadata.name} is Ready but records no pod template`,
      {
        nextStep:
          'the workload cannot be recreated by itself: create its pod with the annotation fermata.dev/restore-from',
      },
    );
  }
  const metadata = (template.metadata ?? {}) as Partial<ObjectMeta>;
  const spec = template.spec as PodSpec;
  const name = checkpoint.spec.sourcePod.name;
  const annotations: Record<string, string> = { ...metadata.annotations };
  delete annotations[DECISION_ANNOTATION];
  delete annotations[RESTORE_FAILURES_ANNOTATION];
  delete annotations[NOT_BEFORE_ANNOTATION];
  delete annotations[AVOID_NODES_ANNOTATION];
  const incarnation = Number(annotations[INCARNATION_ANNOTATION] ?? '1');
  annotations[WORKLOAD_ANNOTATION] ??= name;
  annotations[INCARNATION_ANNOTATION] = String((Number.isSafeInteger(incarnation) ? incarnation : 1) + 1);
  annotations[FIRST_ENQUEUED_ANNOTATION] ??= checkpoint.metadata.creationTimestamp;
  annotations[RESTORE_FROM_ANNOTATION] = checkpoint.metadata.name;
  const restoration = checkpoint.status?.restoration;
  if (restoration?.failures !== undefined && restoration.failures > 0) {
    annotations[RESTORE_FAILURES_ANNOTATION] = String(restoration.failures);
    if (restoration.notBefore !== undefined) annotations[NOT_BEFORE_ANNOTATION] = restoration.notBefore;
    if (restoration.avoidNodes !== undefined) annotations[AVOID_NODES_ANNOTATION] = restoration.avoidNodes.join(',');
  }
  const workload = checkpoint.metadata.labels?.[WORKLOAD_LABEL];
  const gates = (spec.schedulingGates ?? []).filter((gate) => gate.name !== SUSPENDED_GATE);
  if (checkpoint.spec.restore === 'Manual') gates.push({ name: SUSPENDED_GATE });
  const { schedulingGates: _, ...rest } = spec;
  return {
    metadata: {
      name,
      ...(checkpoint.metadata.namespace === undefined ? {} : { namespace: checkpoint.metadata.namespace }),
      labels: { ...metadata.labels, ...(workload === undefined ? {} : { [WORKLOAD_LABEL]: workload }) },
      annotations,
      ...(metadata.ownerReferences === undefined ? {} : { ownerReferences: metadata.ownerReferences }),
    },
    spec: { ...rest, ...(gates.length === 0 ? {} : { schedulingGates: gates }) },
  };
}
