import { conditionOf, type Pod, RESTORE_FROM_ANNOTATION } from '../model/index.ts';
import type { Job } from './job.ts';
import { isConnector, OVERFLOWED_ANNOTATION, STAYS_ANNOTATION } from './marks.ts';
import { obstaclesOf, overflowAfter } from './obstacles.ts';
import { placementOf } from './place-job.ts';

/** What is to be done about a Job whose pods may go out. */
export type OverflowStep =
  /** Nothing before `at` (milliseconds), unless something changes. */
  | { kind: 'Wait'; at?: number }
  /** From now on pods of this Job are connectors. */
  | { kind: 'Mark' }
  /** These wait for room here and make way for connectors. */
  | { kind: 'Release'; pods: Pod[] };

/**
 * The next step for a Job, of what was seen of it and of its pods, however stale: who acts on it names the versions that it was
 * decided on. First the Job is marked, then pods make way: whatever Kubernetes makes in their place is a connector. A pod that
 * was bound runs here; only one that never was makes way, so that the program does not run twice.
 *
 * @param otherwise milliseconds that a pod waits for room, where the Job does not say
 */
export function overflowStep(job: Job, pods: readonly Pod[], now: number, otherwise: number): OverflowStep {
  const waiting = waitingPods(job, pods, otherwise);
  const late = waiting.filter(({ pod, at }) => at <= now && mayLeave(pod));
  if (late.length > 0) {
    const isMarked = job.metadata.annotations?.[OVERFLOWED_ANNOTATION] !== undefined;
    return isMarked ? { kind: 'Release', pods: late.map(({ pod }) => pod) } : { kind: 'Mark' };
  }
  const later = waiting.map(({ at }) => at).filter((at) => at > now);
  return later.length === 0 ? { kind: 'Wait' } : { kind: 'Wait', at: Math.min(...later) };
}

/** Pods that have found no room for so long that they would go out, and why they do not. */
export function keptPods(
  job: Job,
  pods: readonly Pod[],
  now: number,
  otherwise: number,
): { pod: Pod; reason: string }[] {
  return waitingPods(job, pods, otherwise).flatMap(({ pod, at }) => {
    const checkpoint = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION];
    return at > now || checkpoint === undefined ? [] : [{ pod, reason: whyNotRestoredThere(checkpoint) }];
  });
}

/**
 * A pod's checkpoint is that of a container: its image's changes, its namespaces, its control group. To make them anew CRIU
 * needs root (CAP_SYS_ADMIN; CAP_CHECKPOINT_RESTORE is not enough), which no site gives to a batch job.
 */
export function whyNotRestoredThere(checkpoint: string): string {
  return (
    `checkpoint ${checkpoint} is that of a container, which a batch job cannot restore: it would need root there. ` +
    'It waits for room here, so that nothing it has computed is lost; ' +
    `to begin anew at the site instead, delete the pod and podcheckpoint ${checkpoint}`
  );
}

/** Pods of the Job that wait for room, and when each would go out. */
function waitingPods(job: Job, pods: readonly Pod[], otherwise: number): { pod: Pod; at: number }[] {
  if (!mayOverflow(job)) return [];
  const after = overflowAfter(job.spec.template.metadata?.annotations ?? {}, otherwise);
  return pods
    .filter((pod) => isWithoutRoom(pod) && isOf(pod, job))
    .map((pod) => ({ pod, at: Date.parse(pod.metadata.creationTimestamp) + after }));
}

/** It asks for it, could, and has not ended or been stopped. */
function mayOverflow(job: Job): boolean {
  const isOver = job.status?.conditions?.some(
    ({ type, status }) =>
      status === 'True' && ['Complete', 'Failed', 'SuccessCriteriaMet', 'FailureTarget'].includes(type),
  );
  return (
    placementOf(job.metadata.labels) === 'overflow' &&
    obstaclesOf(job, 'overflow').length === 0 &&
    isOver !== true &&
    job.metadata.deletionTimestamp === undefined &&
    job.spec.suspend !== true
  );
}

/** One that goes on from a checkpoint would lose what it has computed. */
function mayLeave(pod: Pod): boolean {
  return pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === undefined;
}

/**
 * The scheduler said that there is no room for it. One that is held back by a gate waits for something else; for one that was
 * nominated room is being made.
 */
export function isWithoutRoom(pod: Pod): boolean {
  const scheduled = conditionOf(pod.status?.conditions, 'PodScheduled');
  return (
    pod.spec.nodeName === undefined &&
    pod.metadata.deletionTimestamp === undefined &&
    scheduled?.status === 'False' &&
    scheduled.reason === 'Unschedulable' &&
    (pod.status?.nominatedNodeName ?? '') === '' &&
    pod.metadata.annotations?.[STAYS_ANNOTATION] === undefined &&
    !isConnector(pod)
  );
}

function isOf(pod: Pod, job: Job): boolean {
  return (
    pod.metadata.ownerReferences?.some(({ uid, controller }) => controller === true && uid === job.metadata.uid) ===
    true
  );
}
