import type { Pod } from './core.ts';
import { HELD_ANNOTATION, SUSPENDED_GATE, WORKLOAD_ANNOTATION, WORKLOAD_LABEL } from './marks.ts';
import { conditionOf, isConditionTrue, keyOf } from './meta.ts';
import type { PodCheckpoint } from './podcheckpoint.ts';

/** Longest value of a label (Kubernetes API conventions). */
const MAX_LABEL_LENGTH = 63;

/**
 * The name of the workload a pod is an incarnation of, as its PodCheckpoints are labelled: its workload annotation, else its own
 * name. At most 63 characters, so that it fits a label; workloads are compared by these.
 */
export function workloadLabel({ metadata }: Pod): string {
  return labelValue(metadata.annotations?.[WORKLOAD_ANNOTATION] ?? metadata.name);
}

/** `namespace/name` of the workload the pod is an incarnation of; the same for all of them. */
export function workloadOfPod(pod: Pod): string {
  return keyOf({ metadata: { namespace: pod.metadata.namespace, name: workloadLabel(pod) } });
}

/** `namespace/name` of the workload whose state the checkpoint holds; equal to {@link workloadOfPod} of its source. */
export function workloadOfCheckpoint(checkpoint: PodCheckpoint): string {
  const { namespace } = checkpoint.metadata;
  return keyOf({ metadata: { namespace, name: workloadLabelOfCheckpoint(checkpoint) } });
}

/** As {@link workloadLabel} of its source pod. */
export function workloadLabelOfCheckpoint({ metadata, spec }: PodCheckpoint): string {
  return metadata.labels?.[WORKLOAD_LABEL] ?? labelValue(spec.sourcePod.name);
}

/** Whether something keeps the suspended pod from being scheduled until it is let go. */
export function isHeld({ metadata, spec }: Pod): boolean {
  const gated = (spec.schedulingGates ?? []).some(({ name }) => name === SUSPENDED_GATE);
  return gated || metadata.annotations?.[HELD_ANNOTATION] !== undefined;
}

/** Whether the pod has ended for good. */
export function isTerminal({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

/**
 * Whether a suspended workload has nothing but this checkpoint to go on from. It is given up only when its owner deleted its
 * pod (`Abandoned`) or wanted no restore.
 */
export function isOnlyState({ spec, status }: PodCheckpoint): boolean {
  if (spec.postCheckpointState !== 'Stopped' || spec.restore === 'Never') return false;
  if (!isConditionTrue(status?.conditions, 'Ready') || isConditionTrue(status?.conditions, 'Restored')) return false;
  return conditionOf(status?.conditions, 'Restored')?.reason !== 'Abandoned';
}

/** A label value must end in a letter or digit. */
function labelValue(text: string): string {
  return text.slice(0, MAX_LABEL_LENGTH).replace(/[^A-Za-z0-9]+$/, '');
}

/** Whether what goes on from it is held until somebody resumes it. A restore that failed was asked for: its next try is, too. */
export function waitsForResume({ spec, status }: PodCheckpoint): boolean {
  return spec.restore === 'Manual' && (status?.restoration?.failures ?? 0) === 0;
}
