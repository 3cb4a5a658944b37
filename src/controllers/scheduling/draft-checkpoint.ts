import {
  DECISION_ANNOTATION,
  type Draft,
  FREEZE_AT_ONCE_ANNOTATION,
  type Pod,
  type PodCheckpoint,
  WORKLOAD_LABEL,
  workloadLabel,
} from '../../model/index.ts';
import type { Explanation, PodRef, VictimDecision } from '../../scheduling/index.ts';

const MAX_NAME_LENGTH = 253;

export interface CheckpointOrder {
  victim: VictimDecision;
  /** Unknown when it is gone already; the order then fails with that. */
  source: Pod | undefined;
  number: number;
  /** The pod that room is made for; absent: nobody in particular. */
  preemptor?: PodRef;
  explanation: Explanation;
  /** Whether the victim is to give its processor up at once, though its dump may have to wait. Default: false. */
  freezeAtOnce?: boolean;
  /** Default: `Preemption`. */
  reason?: 'Preemption' | 'Migration';
}

/**
 * The order to checkpoint one victim. Its name is a function of the victim and the number of checkpoints asked of it
 * before, so that an order whose answer was lost is found again instead of being given twice.
 */
export function draftCheckpoint(order: CheckpointOrder): Draft<PodCheckpoint> {
  const { victim, source, number, preemptor, explanation, reason = 'Preemption' } = order;
  return {
    metadata: {
      name: checkpointName(victim.pod, number),
      namespace: victim.pod.namespace,
      ...(source === undefined ? {} : { labels: { [WORKLOAD_LABEL]: workloadLabel(source) } }),
      annotations: {
        [DECISION_ANNOTATION]: JSON.stringify(explanation),
        ...(order.freezeAtOnce === true ? { [FREEZE_AT_ONCE_ANNOTATION]: 'true' } : {}),
      },
    },
    spec: {
      sourcePod: { name: victim.pod.name, uid: victim.pod.uid },
      postCheckpointState: 'Stopped',
      reason,
      ...(preemptor === undefined
        ? {}
        : { preemptor: { namespace: preemptor.namespace, name: preemptor.name, uid: preemptor.uid } }),
      restore: 'Automatic',
      ...(victim.timeoutSeconds === undefined ? {} : { timeoutSeconds: victim.timeoutSeconds }),
    },
  };
}

/** `<pod>-<first 8 of its UID>-<number>`, the pod's name cut where the whole would be too long. */
export function checkpointName(pod: { name: string; uid: string }, number: number): string {
  const suffix = `-${pod.uid.slice(0, 8)}-${number}`;
  return `${pod.name.slice(0, MAX_NAME_LENGTH - suffix.length)}${suffix}`;
}
