import {
  FIRST_ENQUEUED_ANNOTATION,
  type InterruptionPolicy,
  type Node,
  OPPORTUNISTIC_ANNOTATION,
  POD_GROUP_LABEL,
  type Pod,
  type PodCheckpoint,
  type PodGroup,
  type PodSpec,
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

/** The last one written: a pod has several, mostly the same. */
let written = { time: EPOCH, text: new Date(EPOCH).toISOString() };

export function instant(seconds: number): string {
  const time = engineTime(seconds);
  if (time !== written.time) written = { time, text: new Date(time).toISOString() };
  return written.text;
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
  readonly spec: PodSpec;
  readonly createdSeconds: number;
  /** Seconds of its run time that are done. */
  readonly doneSeconds: number;
  /** Absent: it starts anew. */
  readonly restoreFrom?: string;
  readonly isGang: boolean;
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
  const { task, incarnation, spec, createdSeconds, doneSeconds, restoreFrom, isGang } = settings;
  const { job } = work;
  const name = `job-${work.index}-${task}`;
  const annotations: Record<string, string> = {
    [WORKLOAD_ANNOTATION]: name,
    [FIRST_ENQUEUED_ANNOTATION]: instant(job.submitSeconds),
  };
  if (work.isGuest) annotations[OPPORTUNISTIC_ANNOTATION] = wantedBy(work);
  if (job.walltimeSeconds !== undefined) annotations[WALLTIME_ANNOTATION] = `${Math.ceil(estimateOf(work))}s`;
  if (doneSeconds > 0) annotations[RAN_SECONDS_ANNOTATION] = String(Math.floor(doneSeconds));
  if (restoreFrom !== undefined) annotations[RESTORE_FROM_ANNOTATION] = restoreFrom;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: NAMESPACE,
      uid: `${name}-${incarnation}`,
      resourceVersion: '1',
      creationTimestamp: instant(createdSeconds),
      annotations,
    },
    spec,
    status: { phase: 'Pending' },
  };
  if (isGang || job.checkpointable === false) {
    pod.metadata.labels = {
      ...(isGang ? { [POD_GROUP_LABEL]: groupName(work) } : {}),
      ...(job.checkpointable === false ? { [CHECKPOINTABLE_LABEL]: 'no' } : {}),
    };
  }
  return pod;
}

/** What an opportunistic pod asks for: room beside its requests, not by them. */
function wantedBy({ shape: { cpuMillicores, memoryBytes } }: Work): string {
  return `cpu=${cpuMillicores}m${memoryBytes > 0 ? `,memory=${memoryBytes}` : ''}`;
}

/** @param cpuMillicores of one pod */
export function specObject(work: Work, cpuMillicores: number): PodSpec {
  const { isGuest } = work;
  const { memoryBytes, gpuMillis, gpuModel } = work.shape;
  const requests = {
    ...(isGuest ? {} : { cpu: `${cpuMillicores}m` }),
    ...(isGuest || memoryBytes === 0 ? {} : { memory: String(memoryBytes) }),
    ...(gpuMillis > 0 ? { [GPU_RESOURCE]: String(gpuMillis) } : {}),
  };
  return {
    containers: [{ name: 'main', image: 'simulated', resources: { requests } }],
    priority: priorityOf(work),
    priorityClassName: className(priorityOf(work)),
    ...(gpuModel === undefined ? {} : { nodeSelector: { [GPU_MODEL_LABEL]: gpuModel } }),
  };
}

/** The pod as it is once bound: with what the decision writes on it. */
export function boundPod(pod: Pod, nodeName: string, vacateBy: string | undefined): Pod {
  const spec = { ...pod.spec, nodeName };
  if (vacateBy === undefined) return { ...pod, spec };
  const annotations = { ...pod.metadata.annotations, [VACATE_BY_ANNOTATION]: vacateBy };
  return { ...pod, metadata: { ...pod.metadata, annotations }, spec };
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
