import {
  conditionOf,
  FermataError,
  isConditionTrue,
  type LabelSelector,
  POD_GROUP_CHECKPOINTS,
  type PodGroupCheckpoint,
  parseLabelSelector,
} from '../model/index.ts';
import type { Cluster } from './cluster.ts';
import { UsageError } from './exit.ts';
import { Progress } from './progress.ts';

export interface GroupRequest {
  stop: boolean;
  timeoutSeconds: number;
}

/** How much longer than the dumps' own limit the command waits for the verdict. */
const ANSWER_GRACE_SECONDS = 30;

/** Asks for a checkpoint of all pods with these labels, and waits until all are Ready (and, when stopping, Released). */
export async function takeGroupCheckpoint(
  cluster: Cluster,
  labels: string,
  request: GroupRequest,
): Promise<PodGroupCheckpoint> {
  const created = await cluster.store.create(POD_GROUP_CHECKPOINTS, {
    metadata: { generateName: 'group-', namespace: cluster.namespace },
    spec: {
      selector: selectorOf(labels),
      postCheckpointState: request.stop ? 'Stopped' : 'Running',
      reason: 'Manual',
      timeoutSeconds: request.timeoutSeconds,
    },
  });
  const progress = new Progress();
  try {
    return await follow(cluster, created, request, progress);
  } finally {
    progress.stop();
  }
}

async function follow(
  { store, namespace }: Cluster,
  created: PodGroupCheckpoint,
  request: GroupRequest,
  progress: Progress,
): Promise<PodGroupCheckpoint> {
  const { name } = created.metadata;
  const selection = { namespace, fieldSelector: `metadata.name=${name}` };
  const limit = AbortSignal.timeout((request.timeoutSeconds + ANSWER_GRACE_SECONDS) * 1000);
  let last = created;
  while (!limit.aborted) {
    const list = await store.list(POD_GROUP_CHECKPOINTS, selection);
    last = list.items[0] ?? last;
    if (isSettled(last, request)) return last;
    const changes = store.watch(POD_GROUP_CHECKPOINTS, {
      ...selection,
      resourceVersion: list.resourceVersion,
      signal: limit,
    });
    for await (const event of changes) {
      if (event.type === 'BOOKMARK') continue;
      last = event.object;
      if (isSettled(last, request)) return last;
      progress.step(conditionOf(last.status?.conditions, 'Ready')?.message ?? 'waiting for the controller');
    }
  }
  throw new FermataError('CheckpointUnanswered', `group checkpoint ${name} was not decided in time`, {
    nextStep: `is the controller running, and the agent of every node? kubectl describe podgroupcheckpoint ${name}`,
  });
}

function isSettled({ metadata, status }: PodGroupCheckpoint, { stop }: GroupRequest): boolean {
  const ready = conditionOf(status?.conditions, 'Ready');
  if (ready?.reason === 'CheckpointFailed') {
    throw new FermataError('CheckpointFailed', `group checkpoint ${metadata.name} failed: ${ready.message ?? ''}`, {
      nextStep: `see each member: kubectl describe podgroupcheckpoint ${metadata.name}`,
    });
  }
  return ready?.status === 'True' && (!stop || isConditionTrue(status?.conditions, 'Released'));
}

export function describeGroup({ metadata, spec, status }: PodGroupCheckpoint): string {
  const members = status?.members ?? [];
  const nodes = new Set(members.map(({ nodeName }) => nodeName)).size;
  const after = spec.postCheckpointState === 'Stopped' ? 'stopped; they come back together' : 'running on';
  return [
    `podgroupcheckpoint/${metadata.name} is ready: ${members.length} pods on ${nodes} ${nodes === 1 ? 'node' : 'nodes'}, ${after}`,
    ...members.map((member) => `  pod/${member.name}: podcheckpoint/${member.podCheckpointName}`),
    '',
  ].join('\n');
}

/** kubectl's `-l` as the selector of an object. */
function selectorOf(labels: string): LabelSelector {
  const matchExpressions = parseLabelSelector(labels).map(({ key, operator, values }) => {
    if (operator === 'Gt' || operator === 'Lt')
      throw new UsageError(`--selector ${labels}: ${operator} is not for labels`);
    return { key, operator, ...(values.length > 0 && { values: [...values] }) };
  });
  if (matchExpressions.length === 0) throw new UsageError('--selector is empty: every pod of a namespace is no group');
  return { matchExpressions };
}
