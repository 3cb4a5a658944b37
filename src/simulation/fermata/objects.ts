import {
  FIRST_ENQUEUED_ANNOTATION,
  type InterruptionPolicy,
  type Node,
  OPPORTUNISTIC_ANNOTATION,
  POD_GROUP_LABEL,
  type Pod,
  type PodCheckpoint,
  type PodGroup,
  PREEMPTION_POLICY_ANNOTATION,
  type PriorityClass,
  RAN_SECONDS_ANNOTATION,
  RESTORE_FROM_ANNOTATION,
  RESTORED_CONDITION,
  VACATE_BY_ANNOTATION,
  WALLTIME_ANNOTATION,
  WORKLOAD_ANNOTATION,
} from '../../model/index.ts';
import { estimateOf, priorityOf, type Work } from '../world/work.ts';
import type { WorldNode } from '../world/world.ts';

/** Second 0 of a trace, as the objects the engine reads write it. */
export const EPOCH = Date.UTC(2026, 0, 1);
/** Thousandths of a GPU: traces have pods that share one. */
const GPU_RESOURCE = 'fermata.dev/gpu-milli';
const GPU_MODEL_LABEL = 'fermata.dev/gpu-model';
/** Value of this label: `no`. */
const CHECKPOINTABLE_LABEL = 'fermata.dev/checkpointable';
const STORE_URL = 's3://simulated';
const NAMESPACE = 'default';
/** A kubelet's own default is 110; traces pack more onto their largest nodes. */
const PODS_PER_NODE = '1000000';

export function instant(seconds: number): string {
  return new Date(EPOCH + Math.round(seconds * 1_000)).toISOString();
}

/** The engine's time, ms. */
export function engineTime(seconds: number): number {
  return EPOCH + Math.round(seconds * 1_000);
}

function metadataOf(
  name: string,
  seconds: number,
): { name: string; uid: string; resourceVersion: string; creationTimestamp: string } {
  return { name, uid: name, resourceVersion: '1', creationTimestamp: instant(seconds) };
}

export function nodeObject({ name, cpuMillicores, memoryBytes, gpuMillis, gpuModel }: WorldNode): Node {
  const allocatable = {
    cpu: `${cpuMillicores}m`,
    pods: PODS_PER_NODE,
    ...(memoryBytes === Infinity ? {} : { memory: String(memoryBytes) }),
    ...(gpuMillis > 0 ? { [GPU_RESOURCE]: String(gpuMillis) } : {}),
  };
  const labels = { 'kubernetes.io/hostname': name, ...(gpuModel === undefined ? {} : { [GPU_MODEL_LABEL]: gpuModel }) };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { ...metadataOf(name, 0), labels },
    spec: {},
    status: {
      allocatable,
      capacity: allocatable,
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
    },
  };
}

/** @param mode what pods of the class may do to lower ones */
export function classObject(priority: number, mode: 'checkpoint' | 'kill' | 'nothing'): PriorityClass {
  const name = className(priority);
  const annotations = { [PREEMPTION_POLICY_ANNOTATION]: 'CheckpointLowerPriority' };
  return {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { ...metadataOf(name, 0), ...(mode === 'checkpoint' ? { annotations } : {}) },
    value: priority,
    preemptionPolicy: mode === 'nothing' ? 'Never' : 'PreemptLowerPriority',
  };
}

function className(priority: number): string {
  return `priority-${priority}`;
}

/** What holds for everybody (the product's default, with time for large dumps), and what for those that cannot be checkpointed. */
export function policyObjects(onPreemption: 'Checkpoint' | 'Terminate'): InterruptionPolicy[] {
  const policy = (name: string, namespace: string, spec: InterruptionPolicy['spec']): InterruptionPolicy => ({
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'InterruptionPolicy',
    metadata: { ...metadataOf(name, 0), namespace },
    spec,
  });
  const selector = { matchLabels: { [CHECKPOINTABLE_LABEL]: 'no' } };
  return [
    policy('not-checkpointable', NAMESPACE, { selector, onPreemption: 'Terminate' }),
    policy('default', 'fermata-system', { onPreemption, timeoutSeconds: 3_600 }),
  ];
}

export interface PodSettings {
  /** Number of the task. */
  readonly task: number;
  readonly incarnation: number;
  readonly cpuMillicores: number;
  readonly createdSeconds: number;
  /** Seconds of its run time that are done. */
  readonly doneSeconds: number;
  /** Absent: it starts anew. */
  readonly restoreFrom?: string;
  readonly isGang: boolean;
  /** It asks for room beside its requests, not by them. */
  readonly isGuest: boolean;
}

function groupName(work: Work): string {
  return `job-${work.index}`;
}

export function groupObject(work: Work, members: number): PodGroup {
  return {
    apiVersion: 'scheduling.x-k8s.io/v1alpha1',
    kind: 'PodGroup',
    metadata: { ...metadataOf(groupName(work), work.job.submitSeconds), namespace: NAMESPACE },
    spec: { minMember: members },
  };
}

export function podObject(work: Work, settings: PodSettings): Pod {
  const { task, incarnation, cpuMillicores, createdSeconds, doneSeconds, restoreFrom, isGang, isGuest } = settings;
  const { shape, job } = work;
  const name = `job-${work.index}-${task}`;
  const labels = {
    ...(isGang ? { [POD_GROUP_LABEL]: groupName(work) } : {}),
    ...(job.checkpointable === false ? { [CHECKPOINTABLE_LABEL]: 'no' } : {}),
  };
  const cpu = `${cpuMillicores}m`;
  const memory = shape.memoryBytes > 0 ? String(shape.memoryBytes) : undefined;
  const wants = `cpu=${cpu}${memory === undefined ? '' : `,memory=${memory}`}`;
  const annotations = {
    [WORKLOAD_ANNOTATION]: name,
    ...(isGuest ? { [OPPORTUNISTIC_ANNOTATION]: wants } : {}),
    [FIRST_ENQUEUED_ANNOTATION]: instant(job.submitSeconds),
    ...(job.walltimeSeconds === undefined ? {} : { [WALLTIME_ANNOTATION]: `${Math.ceil(estimateOf(work))}s` }),
    ...(doneSeconds > 0 ? { [RAN_SECONDS_ANNOTATION]: String(Math.floor(doneSeconds)) } : {}),
    ...(restoreFrom === undefined ? {} : { [RESTORE_FROM_ANNOTATION]: restoreFrom }),
  };
  const requests = {
    ...(isGuest ? {} : { cpu }),
    ...(isGuest || memory === undefined ? {} : { memory }),
    ...(shape.gpuMillis > 0 ? { [GPU_RESOURCE]: String(shape.gpuMillis) } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: NAMESPACE,
      uid: `${name}-${incarnation}`,
      resourceVersion: '1',
      creationTimestamp: instant(createdSeconds),
      annotations,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
    },
    spec: {
      containers: [{ name: 'main', image: 'simulated', resources: { requests } }],
      priority: priorityOf(work),
      priorityClassName: className(priorityOf(work)),
      ...(shape.gpuModel === undefined ? {} : { nodeSelector: { [GPU_MODEL_LABEL]: shape.gpuModel } }),
    },
    status: { phase: 'Pending' },
  };
}

/** The pod as it is once bound: with what the decision writes on it. */
export function boundPod(pod: Pod, nodeName: string, vacateBy: string | undefined): Pod {
  const annotations = {
    ...pod.metadata.annotations,
    ...(vacateBy === undefined ? {} : { [VACATE_BY_ANNOTATION]: vacateBy }),
  };
  return { ...pod, metadata: { ...pod.metadata, annotations }, spec: { ...pod.spec, nodeName } };
}

export function runningPod(pod: Pod, now: number): Pod {
  const restored = pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] !== undefined;
  const conditions = [{ type: RESTORED_CONDITION, status: 'True' as const, reason: 'Restored' }];
  return { ...pod, status: { phase: 'Running', startTime: instant(now), ...(restored ? { conditions } : {}) } };
}

export interface CheckpointSettings {
  readonly name: string;
  readonly preemptor?: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly reason: 'Preemption' | 'Migration' | 'Drain' | 'Periodic' | 'Idle';
  readonly state: 'Running' | 'Stopped';
  readonly timeoutSeconds?: number;
}

/** A checkpoint that was asked for. */
export function checkpointObject(source: Pod, settings: CheckpointSettings, now: number): PodCheckpoint {
  const { name, preemptor, reason, state, timeoutSeconds } = settings;
  return {
    apiVersion: 'fermata.dev/v1alpha1',
    kind: 'PodCheckpoint',
    metadata: { ...metadataOf(name, now), namespace: NAMESPACE },
    spec: {
      sourcePod: { name: source.metadata.name, uid: source.metadata.uid },
      postCheckpointState: state,
      reason,
      ...(preemptor === undefined ? {} : { preemptor }),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    },
    status: {
      sourcePodUID: source.metadata.uid,
      startTime: instant(now),
      ...(source.spec.nodeName === undefined ? {} : { nodeName: source.spec.nodeName }),
      checkpointedPodTemplate: { metadata: { annotations: source.metadata.annotations ?? {} }, spec: source.spec },
    },
  };
}

export function readyCheckpoint(
  asked: PodCheckpoint,
  now: number,
  measured: { seconds: number; bytes: number },
): PodCheckpoint {
  return withCondition(
    {
      ...asked,
      status: {
        ...asked.status,
        completionTime: instant(now),
        dumpMilliseconds: Math.round(measured.seconds * 1_000),
        checkpointedContainers: [{ name: 'main', sizeBytes: Math.round(measured.bytes) }],
      },
    },
    { type: 'Ready', status: 'True', reason: 'CheckpointCompleted', lastTransitionTime: instant(now) },
  );
}

export function failedCheckpoint(asked: PodCheckpoint, now: number): PodCheckpoint {
  const lastTransitionTime = instant(now);
  const message = 'the simulated dump failed';
  return withCondition(asked, {
    type: 'Ready',
    status: 'False',
    reason: 'CheckpointFailed',
    message,
    lastTransitionTime,
  });
}

export function releasedCheckpoint(ready: PodCheckpoint): PodCheckpoint {
  return withCondition(ready, { type: 'Released', status: 'True', reason: 'Released' });
}

/** A copy is in the store, and the node has its own still. */
export function storedCheckpoint(ready: PodCheckpoint, now: number, bytes: number): PodCheckpoint {
  const { name } = ready.metadata;
  const store = { url: `${STORE_URL}/${name}`, digest: name, sizeBytes: Math.round(bytes), encrypted: false };
  return withCondition(
    { ...ready, status: { ...ready.status, checkpointLocation: { type: 'Store', nodeLocal: { path: name }, store } } },
    { type: 'Stored', status: 'True', reason: 'Verified', lastTransitionTime: instant(now) },
  );
}

type Conditions = NonNullable<NonNullable<PodCheckpoint['status']>['conditions']>;

function withCondition(checkpoint: PodCheckpoint, condition: Conditions[number]): PodCheckpoint {
  const others = (checkpoint.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
  return { ...checkpoint, status: { ...checkpoint.status, conditions: [...others, condition] } };
}
