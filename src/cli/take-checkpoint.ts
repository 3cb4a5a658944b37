import { checkpointName } from '../controllers/index.ts';
import { isApiError } from '../kubernetes/index.ts';
import {
  conditionOf,
  FermataError,
  isConditionTrue,
  POD_CHECKPOINTS,
  type Pod,
  type PodCheckpoint,
  type PodCheckpointSpec,
  WORKLOAD_LABEL,
  workloadLabel,
} from '../model/index.ts';
import { type Cluster, getPod } from './cluster.ts';
import { UsageError } from './exit.ts';
import { Progress } from './progress.ts';

export interface CheckpointRequest {
  stop: boolean;
  restore: NonNullable<PodCheckpointSpec['restore']>;
  timeoutSeconds: number;
}

/** How much longer than the dump's own limit the command waits for the agent's word. */
const ANSWER_GRACE_SECONDS = 30;
const MAX_TIMEOUT_SECONDS = 3600;

/** Asks for a checkpoint and waits until it is Ready (and, when stopping, the pod's resources are Released). */
export async function takeCheckpoint(
  cluster: Cluster,
  name: string,
  request: CheckpointRequest,
): Promise<PodCheckpoint> {
  const pod = await getPod(cluster, name);
  if (pod.status?.phase !== 'Running') {
    throw new FermataError(
      'PodNotRunning',
      `pod ${name} is ${pod.status?.phase ?? 'not started'}: only a running pod can be checkpointed`,
      {
        nextStep: `see: fermata explain pod/${name}`,
      },
    );
  }
  const created = await createCheckpoint(cluster, pod, request);
  const progress = new Progress();
  try {
    return await followCheckpoint(cluster, created, request, progress);
  } finally {
    progress.stop();
  }
}

async function createCheckpoint(cluster: Cluster, pod: Pod, request: CheckpointRequest): Promise<PodCheckpoint> {
  for (let number = 1; ; number++) {
    try {
      return await cluster.store.create(POD_CHECKPOINTS, {
        metadata: {
          name: checkpointName(pod.metadata, number),
          namespace: cluster.namespace,
          labels: { [WORKLOAD_LABEL]: workloadLabel(pod) },
        },
        spec: {
          sourcePod: { name: pod.metadata.name, uid: pod.metadata.uid },
          postCheckpointState: request.stop ? 'Stopped' : 'Running',
          reason: 'Manual',
          restore: request.restore,
          timeoutSeconds: request.timeoutSeconds,
        },
      });
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  }
}

async function followCheckpoint(
  cluster: Cluster,
  created: PodCheckpoint,
  request: CheckpointRequest,
  progress: Progress,
): Promise<PodCheckpoint> {
  const { name, namespace, uid } = created.metadata;
  const limit = AbortSignal.timeout((request.timeoutSeconds + ANSWER_GRACE_SECONDS) * 1000);
  let last = created;
  while (!limit.aborted) {
    const list = await cluster.store.list(POD_CHECKPOINTS, {
      ...(namespace === undefined ? {} : { namespace }),
      fieldSelector: `metadata.name=${name}`,
    });
    last = list.items.find((item) => item.metadata.uid === uid) ?? last;
    if (isSettled(last, request)) return last;
    for await (const event of cluster.store.watch(POD_CHECKPOINTS, {
      ...(namespace === undefined ? {} : { namespace }),
      fieldSelector: `metadata.name=${name}`,
      resourceVersion: list.resourceVersion,
      signal: limit,
    })) {
      if (event.type === 'BOOKMARK') continue;
      last = event.object;
      if (isSettled(last, request)) return last;
      if (event.type === 'DELETED') throw unanswered(last, 'was deleted before it was complete');
      progress.step(stepOf(last));
    }
  }
  throw unanswered(last, `was not answered in time: ${stepOf(last)}`);
}

function unanswered({ metadata: { name } }: PodCheckpoint, what: string): FermataError {
  return new FermataError('CheckpointUnanswered', `checkpoint ${name} ${what}`, {
    nextStep: `is the agent of the pod's node running? kubectl describe podcheckpoint ${name}`,
  });
}

function isSettled(checkpoint: PodCheckpoint, request: CheckpointRequest): boolean {
  const conditions = checkpoint.status?.conditions;
  const ready = conditionOf(conditions, 'Ready');
  const { name } = checkpoint.spec.sourcePod;
  const failure = `pod ${name} was not checkpointed: ${ready?.message ?? ready?.reason ?? ''}`;
  if (ready?.reason === 'CheckpointFailed') {
    throw new FermataError('CheckpointFailed', failure, { nextStep: `what it does now: fermata explain pod/${name}` });
  }
  if (ready?.reason === 'SourcePodReplaced') {
    throw new FermataError('SourcePodReplaced', failure, { nextStep: 'ask again for the pod that is there now' });
  }
  if (ready?.status !== 'True') return false;
  return !request.stop || isConditionTrue(conditions, 'Released');
}

function stepOf({ status, spec }: PodCheckpoint): string {
  const ready = conditionOf(status?.conditions, 'Ready');
  if (ready?.status === 'True') return `releasing the resources of pod ${spec.sourcePod.name}`;
  return ready?.reason === 'CheckpointInProgress'
    ? `dumping pod ${spec.sourcePod.name}`
    : 'waiting for the agent of the node';
}

export function describeCheckpoint(checkpoint: PodCheckpoint): string {
  const { name } = checkpoint.metadata;
  const { status, spec } = checkpoint;
  const size = (status?.checkpointedContainers ?? []).reduce((sum, container) => sum + (container.sizeBytes ?? 0), 0);
  const lines = [
    `podcheckpoint/${name} is ready: ${(size / 1024 ** 2).toFixed(1)} MiB on node ${status?.nodeName}, taken in ${status?.dumpMilliseconds ?? '?'} ms`,
  ];
  if (spec.postCheckpointState === 'Stopped') {
    lines.push(
      spec.restore === 'Manual'
        ? `pod ${spec.sourcePod.name} is suspended; go on with: fermata resume pod/${spec.sourcePod.name}`
        : `pod ${spec.sourcePod.name} is stopped and comes back when there is room`,
    );
  }
  return `${lines.join('\n')}\n`;
}

/** A whole number of seconds the API accepts. */
export function seconds(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > MAX_TIMEOUT_SECONDS) {
    throw new UsageError(`${option} takes whole seconds from 1 to ${MAX_TIMEOUT_SECONDS}, not "${text}"`);
  }
  return value;
}
