import {
  type Container,
  conditionOf,
  FIRST_ENQUEUED_ANNOTATION,
  type Pod,
  parseWalltime,
  podRequests,
  RAN_SECONDS_ANNOTATION,
  RESTORE_FROM_ANNOTATION,
  WALLTIME_ANNOTATION,
  workloadOfPod,
} from '../../model/index.ts';
import { DEFAULT_SCORED_CPU_MILLICORES, DEFAULT_SCORED_MEMORY_BYTES } from '../constants.ts';
import type { PodRef } from '../contract.ts';
import { CPU, MEMORY, type ResourceSpace } from './resource-space.ts';

/** A pod with what decisions need of it worked out once. Times are ms since the epoch. */
export interface PodInfo {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** `namespace/name`. */
  readonly key: string;
  readonly pod: Pod;
  readonly priority: number;
  readonly requests: Float64Array;
  /** Requests as scores see them: containers without a request count with a default. */
  readonly scoredCpu: number;
  readonly scoredMemory: number;
  /** `namespace/workload`: the identity over incarnations. */
  readonly workload: string;
  /** When it began to run on its node; for a pod not started yet, when it was created. */
  readonly startedAt: number;
  readonly running: boolean;
  readonly finished: boolean;
  /** `deletionTimestamp`: the time by which it should be gone. */
  readonly terminatingUntil: number | undefined;
  /** Has the condition DisruptionTarget with reason PreemptionByScheduler. */
  readonly preemptedByScheduler: boolean;
  /** Natural end, from `activeDeadlineSeconds` or the walltime annotation; undefined: unknown. */
  readonly endsAt: number | undefined;
  readonly createdAt: number | undefined;
  readonly firstEnqueuedAt: number | undefined;
  /** Name of the PodCheckpoint it starts from. */
  readonly restoreFrom: string | undefined;
  /** Node it is bound to, or assumed to be. */
  nodeName: string | undefined;
  /** Bound by a decision that the API does not show yet. */
  assumed: boolean;
}

export function podInfo(pod: Pod, space: ResourceSpace): PodInfo {
  const { metadata, spec } = pod;
  const namespace = metadata.namespace ?? 'default';
  const requests = space.vector(podRequests(pod));
  const running = pod.status?.phase === 'Running';
  const createdAt = timeOf(metadata.creationTimestamp);
  const startedAt = startOf(pod) ?? createdAt ?? 0;
  return {
    uid: metadata.uid,
    namespace,
    name: metadata.name,
    key: `${namespace}/${metadata.name}`,
    pod,
    priority: spec.priority ?? 0,
    requests,
    scoredCpu: (requests[CPU] ?? 0) + DEFAULT_SCORED_CPU_MILLICORES * withoutRequest(spec.containers, 'cpu'),
    scoredMemory: (requests[MEMORY] ?? 0) + DEFAULT_SCORED_MEMORY_BYTES * withoutRequest(spec.containers, 'memory'),
    workload: workloadOfPod(pod),
    startedAt,
    running,
    finished: pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed',
    terminatingUntil: timeOf(metadata.deletionTimestamp),
    preemptedByScheduler: conditionOf(pod.status?.conditions, 'DisruptionTarget')?.reason === 'PreemptionByScheduler',
    endsAt: running ? endOf(pod, startedAt) : undefined,
    createdAt,
    firstEnqueuedAt: timeOf(metadata.annotations?.[FIRST_ENQUEUED_ANNOTATION]),
    restoreFrom: metadata.annotations?.[RESTORE_FROM_ANNOTATION],
    nodeName: spec.nodeName,
    assumed: false,
  };
}

export function podRef(info: PodInfo): PodRef {
  return { namespace: info.namespace, name: info.name, uid: info.uid };
}

export function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

/** The first of its containers' present runs, else the time the node took it. */
function startOf(pod: Pod): number | undefined {
  let first: number | undefined;
  for (const status of pod.status?.containerStatuses ?? []) {
    const started = timeOf(status.state?.running?.startedAt);
    if (started !== undefined && (first === undefined || started < first)) first = started;
  }
  return first ?? timeOf(pod.status?.startTime);
}

function endOf(pod: Pod, startedAt: number): number | undefined {
  const ends: number[] = [];
  const deadline = pod.spec.activeDeadlineSeconds;
  if (deadline !== undefined) ends.push((timeOf(pod.status?.startTime) ?? startedAt) + deadline * 1000);
  const walltime = walltimeOf(pod.metadata.annotations?.[WALLTIME_ANNOTATION]);
  if (walltime !== undefined) {
    const ranSeconds = Number(pod.metadata.annotations?.[RAN_SECONDS_ANNOTATION] ?? 0);
    ends.push(startedAt + walltime - (Number.isFinite(ranSeconds) ? ranSeconds * 1000 : 0));
  }
  return ends.length === 0 ? undefined : Math.min(...ends);
}

/** A walltime nobody can read is no reason to refuse a pod: its end then counts as unknown. */
function walltimeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  try {
    return parseWalltime(text);
  } catch {
    return undefined;
  }
}

function withoutRequest(containers: readonly Container[], resource: 'cpu' | 'memory'): number {
  let count = 0;
  for (const { resources } of containers) {
    if (resources?.requests?.[resource] === undefined && resources?.limits?.[resource] === undefined) count += 1;
  }
  return count;
}
