import {
  conditionOf,
  isConditionTrue,
  isTerminal,
  type Pod,
  type PodCheckpoint,
  RESTORE_FROM_ANNOTATION,
  workloadOfCheckpoint,
  workloadOfPod,
} from '../model/index.ts';
import type { Transition } from './stage.ts';

/**
 * What the objects of a cluster tell of the past: pods as they are, and the checkpoints that remember earlier
 * incarnations. Seconds are the precision of Kubernetes' times.
 */
export function recordedTransitions(pods: readonly Pod[], checkpoints: readonly PodCheckpoint[]): Transition[] {
  const transitions = [...checkpoints.flatMap(ofCheckpoint), ...pods.flatMap(ofPod)];
  return transitions.sort((one, other) => one.at - other.at || one.workload.localeCompare(other.workload));
}

function ofCheckpoint(checkpoint: PodCheckpoint): Transition[] {
  const { spec, status } = checkpoint;
  const workload = workloadOfCheckpoint(checkpoint);
  const node = status?.nodeName;
  const transitions: Transition[] = [];
  const add = (time: string | undefined, stage: Transition['stage'], on: string | undefined): void => {
    if (time !== undefined) transitions.push({ workload, at: Date.parse(time), stage, node: on });
  };
  add(status?.sourceStartTime, 'running', node);
  add(status?.startTime, 'checkpointing', node);
  const stopped = spec.postCheckpointState === 'Stopped';
  const ready = isConditionTrue(status?.conditions, 'Ready');
  if (ready) add(status?.completionTime, stopped ? 'suspended' : 'running', stopped ? undefined : node);
  else if (conditionOf(status?.conditions, 'Ready')?.reason === 'CheckpointFailed') {
    add(conditionOf(status?.conditions, 'Ready')?.lastTransitionTime, 'running', node);
  }
  return transitions;
}

function ofPod(pod: Pod): Transition[] {
  const workload = workloadOfPod(pod);
  const node = pod.spec.nodeName;
  const restored = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] !== undefined;
  const transitions: Transition[] = [
    { workload, at: Date.parse(pod.metadata.creationTimestamp), stage: restored ? 'suspended' : 'waiting' },
  ];
  const states = (pod.status?.containerStatuses ?? []).map(({ state }) => state);
  const started = states
    .map((state) => state?.running?.startedAt ?? state?.terminated?.startedAt)
    .filter((time) => time !== undefined)
    .map((time) => Date.parse(time));
  const ended = states
    .map((state) => state?.terminated?.finishedAt)
    .filter((time) => time !== undefined)
    .map((time) => Date.parse(time));
  if (started.length > 0) transitions.push({ workload, at: Math.min(...started), stage: 'running', node });
  if (isTerminal(pod) && ended.length > 0)
    transitions.push({ workload, at: Math.max(...ended), stage: 'finished', node });
  return transitions;
}
