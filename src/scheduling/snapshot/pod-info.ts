import {
  conditionOf,
  FIRST_ENQUEUED_ANNOTATION,
  type Pod,
  parseWalltime,
  RAN_SECONDS_ANNOTATION,
  RESTORE_FROM_ANNOTATION,
  WALLTIME_ANNOTATION,
  workloadOfPod,
} from '../../model/index.ts';
import type { PodRef } from '../contract.ts';
import { type Amounts, amountsOf, type PodTemplate, PodTemplates } from './pod-template.ts';
import type { ResourceSpace } from './resource-space.ts';

/** A pod with what decisions need of it worked out once. Times are ms since the epoch. */
export interface PodInfo {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** `namespace/name`. */
  readonly key: string;
  /** The object as far as decisions read it: `spec` is the template's, which is shared and has no `nodeName`. */
  readonly pod: Pod;
  readonly template: PodTemplate;
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

/** @param templates those of the cluster the pod is in; pods of different templates are never taken to be alike */
export function podInfo(pod: Pod, space: ResourceSpace, templates = new PodTemplates(space)): PodInfo {
  const { metadata, spec } = pod;
  const namespace = metadata.namespace ?? 'default';
  const template = templates.of(spec);
  const running = pod.status?.phase === 'Running';
  const createdAt = timeOf(metadata.creationTimestamp);
  const startedAt = startOf(pod) ?? createdAt ?? 0;
  return {
    uid: metadata.uid,
    namespace,
    name: metadata.name,
    key: `${namespace}/${metadata.name}`,
    pod: kept(pod, template),
    template,
    priority: spec.priority ?? 0,
    ...resized(pod, template, space),
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

/** What it takes while its containers are resized in place; else what its template says, in the same vector. */
function resized(pod: Pod, { requests, scoredCpu, scoredMemory }: PodTemplate, space: ResourceSpace): Amounts {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  if ([...containerStatuses, ...initContainerStatuses].some(({ resources }) => resources !== undefined)) {
    const now = amountsOf(pod, space);
    if (now.requests.some((amount, index) => amount !== (requests[index] ?? 0))) return now;
  }
  return { requests, scoredCpu, scoredMemory };
}

type PodStatus = NonNullable<Pod['status']>;

const EVERY_POD = { apiVersion: 'v1', kind: 'Pod' } as const;

/** 150,000 whole objects would be most of the scheduler's memory: what no decision reads is let go. */
function kept({ metadata, status }: Pod, { spec }: PodTemplate): Pod {
  const { name, namespace, uid, labels, annotations, ownerReferences, creationTimestamp, deletionTimestamp } = metadata;
  const pod: Pod = {
    ...EVERY_POD,
    metadata: { name, uid, resourceVersion: '', creationTimestamp },
    spec,
  };
  if (namespace !== undefined) pod.metadata.namespace = namespace;
  if (labels !== undefined) pod.metadata.labels = labels;
  if (annotations !== undefined) pod.metadata.annotations = annotations;
  if (ownerReferences !== undefined) pod.metadata.ownerReferences = ownerReferences;
  if (deletionTimestamp !== undefined) pod.metadata.deletionTimestamp = deletionTimestamp;
  if (status !== undefined) pod.status = statusKept(status);
  return pod;
}

function statusKept({ phase, startTime, conditions, nominatedNodeName }: PodStatus): PodStatus {
  const status: PodStatus = {};
  if (phase !== undefined) status.phase = phase;
  if (startTime !== undefined) status.startTime = startTime;
  if (conditions !== undefined) status.conditions = conditions;
  if (nominatedNodeName !== undefined) status.nominatedNodeName = nominatedNodeName;
  return status;
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
