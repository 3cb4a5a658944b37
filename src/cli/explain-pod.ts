import {
  conditionOf,
  DECISION_ANNOTATION,
  FermataError,
  isHeld,
  POD_CHECKPOINTS,
  type Pod,
  type PodCheckpoint,
  podCheckpointStatusText,
  RESTORE_FROM_ANNOTATION,
  workloadOfCheckpoint,
  workloadOfPod,
} from '../model/index.ts';
import type { Explanation } from '../scheduling/index.ts';
import { type Cluster, getPod } from './cluster.ts';
import { table } from './output.ts';

export interface PodExplanation {
  namespace: string;
  pod: string;
  /** One sentence: what the pod does now, and what it waits for. */
  state: string;
  node?: string;
  nominatedNode?: string;
  /** The scheduler's last decision about the pod while it waited. */
  decision?: Explanation;
  interruptions: Interruption[];
}

export interface Interruption {
  checkpoint: string;
  reason: string;
  state: string;
  node?: string;
  at?: string;
  preemptor?: string;
  sizeBytes?: number;
  dumpMilliseconds?: number;
  restoreMilliseconds?: number;
  /** The plan by which it was chosen as victim. */
  decision?: Explanation;
}

export async function explainPod(cluster: Cluster, name: string): Promise<PodExplanation> {
  const pod = await getPod(cluster, name);
  const { items: all } = await cluster.store.list(POD_CHECKPOINTS, { namespace: cluster.namespace });
  const items = all
    .filter((checkpoint) => workloadOfCheckpoint(checkpoint) === workloadOfPod(pod))
    .sort((one, other) => creationOf(one) - creationOf(other));
  const decision = readDecision(pod);
  return {
    namespace: cluster.namespace,
    pod: name,
    state: stateOf(pod, items),
    ...(pod.spec.nodeName === undefined ? {} : { node: pod.spec.nodeName }),
    ...(pod.status?.nominatedNodeName === undefined ? {} : { nominatedNode: pod.status.nominatedNodeName }),
    ...(decision === undefined ? {} : { decision }),
    interruptions: items.map(interruptionOf),
  };
}

function creationOf(checkpoint: PodCheckpoint): number {
  return Date.parse(checkpoint.metadata.creationTimestamp);
}

function stateOf(pod: Pod, checkpoints: readonly PodCheckpoint[]): string {
  const { spec, status, metadata } = pod;
  if (isHeld(pod)) {
    return `suspended by request; goes on with: fermata resume pod/${metadata.name}`;
  }
  if (spec.nodeName === undefined) {
    const waiting = conditionOf(status?.conditions, 'PodScheduled')?.message;
    const from = metadata.annotations?.[RESTORE_FROM_ANNOTATION];
    const failure = checkpoints.find((checkpoint) => checkpoint.metadata.name === from)?.status?.restoration
      ?.lastFailure;
    const what = from === undefined ? 'waits to be scheduled' : `suspended, its state is in checkpoint ${from}`;
    return [what, waiting, failure === undefined ? undefined : `last restore failed: ${failure}`]
      .filter((part) => part !== undefined)
      .join('; ');
  }
  const reason =
    status?.reason ?? status?.containerStatuses?.find((container) => container.state?.waiting)?.state?.waiting?.reason;
  return `${status?.phase ?? 'Pending'} on node ${spec.nodeName}${reason === undefined ? '' : ` (${reason})`}`;
}

function interruptionOf(checkpoint: PodCheckpoint): Interruption {
  const { spec, status, metadata } = checkpoint;
  const ready = conditionOf(status?.conditions, 'Ready');
  const decision = readDecision(checkpoint);
  const sizes = status?.checkpointedContainers;
  const state = podCheckpointStatusText(checkpoint);
  return {
    checkpoint: metadata.name,
    reason: spec.reason ?? 'Manual',
    state: ready?.status === 'False' && ready.message !== undefined ? `${state}: ${ready.message}` : state,
    ...(status?.nodeName === undefined ? {} : { node: status.nodeName }),
    ...(status?.completionTime === undefined ? {} : { at: status.completionTime }),
    ...(spec.preemptor === undefined ? {} : { preemptor: `${spec.preemptor.namespace}/${spec.preemptor.name}` }),
    ...(sizes === undefined ? {} : { sizeBytes: sizes.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0) }),
    ...(status?.dumpMilliseconds === undefined ? {} : { dumpMilliseconds: status.dumpMilliseconds }),
    ...(status?.restoreMilliseconds === undefined ? {} : { restoreMilliseconds: status.restoreMilliseconds }),
    ...(decision === undefined ? {} : { decision }),
  };
}

function readDecision(object: Pod | PodCheckpoint): Explanation | undefined {
  const text = object.metadata.annotations?.[DECISION_ANNOTATION];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (isExplanation(value)) return value;
  } catch (error) {
    throw unreadable(object, error);
  }
  throw unreadable(object, undefined);
}

/** Anybody may write an annotation: only what has the shape of a decision is printed as one. */
function isExplanation(value: unknown): value is Explanation {
  if (typeof value !== 'object' || value === null) return false;
  const { at, outcome, summary, filtered, scores, plans } = value as Partial<Record<keyof Explanation, unknown>>;
  return (
    typeof at === 'number' &&
    typeof outcome === 'string' &&
    typeof summary === 'string' &&
    typeof filtered === 'object' &&
    filtered !== null &&
    Array.isArray(scores) &&
    Array.isArray(plans)
  );
}

function unreadable(object: Pod | PodCheckpoint, cause: unknown): FermataError {
  return new FermataError(
    'DecisionUnreadable',
    `annotation ${DECISION_ANNOTATION} of ${object.kind} ${object.metadata.name} does not hold a decision of the scheduler`,
    {
      cause,
      nextStep: `remove it: kubectl annotate ${object.kind.toLowerCase()} ${object.metadata.name} ${DECISION_ANNOTATION}-`,
    },
  );
}

/** The explanation as text: state, the decision with its plans and scores, then each interruption with the plan behind it. */
export function describeExplanation(explained: PodExplanation): string {
  const lines = [`pod ${explained.namespace}/${explained.pod}: ${explained.state}`];
  if (explained.nominatedNode !== undefined && explained.node === undefined) {
    lines.push(`room is being made on node ${explained.nominatedNode}`);
  }
  if (explained.decision !== undefined) lines.push('', ...describeDecision(explained.decision));
  for (const interruption of explained.interruptions) {
    const { checkpoint, reason, state, node, at, preemptor, sizeBytes, dumpMilliseconds, restoreMilliseconds } =
      interruption;
    lines.push('', `checkpoint ${checkpoint} (${reason}): ${state}`);
    if (preemptor !== undefined) lines.push(`  made room for pod ${preemptor} on node ${node ?? 'unknown'}`);
    if (at !== undefined)
      lines.push(
        `  taken ${at}${sizeBytes === undefined ? '' : `, ${mebibytes(sizeBytes)}`}${dumpMilliseconds === undefined ? '' : `, dump ${dumpMilliseconds} ms`}${restoreMilliseconds === undefined ? '' : `, restore ${restoreMilliseconds} ms`}`,
      );
    if (interruption.decision !== undefined)
      lines.push(...describeDecision(interruption.decision).map((line) => `  ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

function describeDecision(decision: Explanation): string[] {
  const lines = [`decision ${decision.outcome} at ${new Date(decision.at).toISOString()}: ${decision.summary}`];
  if (decision.order !== undefined) lines.push(`order of the queue: ${decision.order}`);
  const filtered = Object.entries(decision.filtered);
  if (filtered.length > 0)
    lines.push(`nodes turned down: ${filtered.map(([reason, count]) => `${count} × ${reason}`).join(', ')}`);
  if (decision.scores.length > 0) {
    lines.push(
      ...table(
        ['NODE', 'SCORE', 'BY PLUGIN'],
        decision.scores.map(({ node, total, byPlugin }) => [
          node,
          String(total),
          Object.entries(byPlugin)
            .map(([plugin, score]) => `${plugin} ${score}`)
            .join(', '),
        ]),
      )
        .trimEnd()
        .split('\n'),
    );
  }
  if (decision.plans.length > 0) {
    const rows = decision.plans.flatMap((plan, index) =>
      plan.victims.map((victim) => [
        index === 0 ? 'taken' : 'not taken',
        plan.node,
        victim.pod,
        String(victim.priority),
        victim.action,
        cost(victim.costs.checkpoint),
        cost(victim.costs.terminate),
        cost(victim.costs.wait),
        `${mebibytes(victim.costs.memoryBytes)}, dump ${victim.costs.dumpSeconds.toFixed(1)} s, restore ${victim.costs.restoreSeconds.toFixed(1)} s${victim.costs.excluded === undefined ? '' : `; ${victim.costs.excluded}`}`,
      ]),
    );
    lines.push(
      ...table(['PLAN', 'NODE', 'VICTIM', 'PRIORITY', 'ACTION', 'CHECKPOINT', 'TERMINATE', 'WAIT', 'ESTIMATE'], rows)
        .trimEnd()
        .split('\n'),
    );
  }
  return lines;
}

function cost(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(2)} node-s`;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
