import {
  conditionOf,
  isConditionTrue,
  type ObjectMeta,
  type PodCheckpoint,
  podGroupOf,
  workloadOfCheckpoint,
} from '../../model/index.ts';
import { DEFAULT_CHECKPOINT_TIMEOUT_SECONDS, RELEASE_SLACK_MS } from '../constants.ts';
import { timeOf } from '../snapshot/pod-info.ts';
import { FactChanges, type FactListener } from './fact-changes.ts';

/** Where a `Stopped` checkpoint is on its way to freed room. */
export type StopPhase = 'UnderWay' | 'Failed' | 'Replaced' | 'Released';

/** What an interruption by checkpoint has come to, read from its object alone. */
export function stopPhaseOf(checkpoint: PodCheckpoint): StopPhase {
  const conditions = checkpoint.status?.conditions;
  if (isConditionTrue(conditions, 'Released')) return 'Released';
  const ready = conditionOf(conditions, 'Ready');
  if (ready?.status === 'False' && ready.reason === 'CheckpointFailed') return 'Failed';
  if (ready?.status === 'False' && ready.reason === 'SourcePodReplaced') return 'Replaced';
  return 'UnderWay';
}

export function sourceUIDOf(checkpoint: PodCheckpoint): string | undefined {
  return checkpoint.status?.sourcePodUID ?? checkpoint.spec.sourcePod.uid;
}

/**
 * The PodCheckpoints, found by what decisions ask for. From the instant such an object asks a pod to stop until its room
 * is confirmed free, that room belongs to the pod: it is *held*.
 */
export class CheckpointLedger {
  readonly #byKey = new Map<string, PodCheckpoint>();
  readonly #stopsBySource = new Map<string, Map<string, PodCheckpoint>>();
  readonly #stopsByPreemptor = new Map<string, Map<string, PodCheckpoint>>();
  readonly #readyByWorkload = new Map<string, Map<string, PodCheckpoint>>();
  readonly #stopsByGroup = new Map<string, Map<string, PodCheckpoint>>();
  readonly #changes: FactListener;

  constructor(changes: FactListener = new FactChanges()) {
    this.#changes = changes;
  }

  /** By `namespace/name`. */
  get(key: string): PodCheckpoint | undefined {
    return this.#byKey.get(key);
  }

  put(checkpoint: PodCheckpoint): void {
    this.delete(checkpoint);
    this.#byKey.set(keyOf(checkpoint), checkpoint);
    if (isConditionTrue(checkpoint.status?.conditions, 'Ready')) {
      index(this.#readyByWorkload, workloadOfCheckpoint(checkpoint), checkpoint);
    }
    this.#tell(checkpoint);
    if (checkpoint.spec.postCheckpointState !== 'Stopped') return;
    const source = sourceUIDOf(checkpoint);
    if (source !== undefined) index(this.#stopsBySource, source, checkpoint);
    const group = groupKeyOf(checkpoint);
    if (group !== undefined) index(this.#stopsByGroup, group, checkpoint);
    if (checkpoint.spec.preemptor !== undefined)
      index(this.#stopsByPreemptor, checkpoint.spec.preemptor.uid, checkpoint);
  }

  delete(checkpoint: PodCheckpoint): void {
    const key = keyOf(checkpoint);
    const known = this.#byKey.get(key);
    if (known === undefined) return;
    this.#byKey.delete(key);
    this.#tell(known);
    unindex(this.#readyByWorkload, workloadOfCheckpoint(known), known);
    const source = sourceUIDOf(known);
    if (source !== undefined) unindex(this.#stopsBySource, source, known);
    if (known.spec.preemptor !== undefined) unindex(this.#stopsByPreemptor, known.spec.preemptor.uid, known);
    const group = groupKeyOf(known);
    if (group !== undefined) unindex(this.#stopsByGroup, group, known);
  }

  #tell(checkpoint: PodCheckpoint): void {
    const source = sourceUIDOf(checkpoint);
    if (source !== undefined) this.#changes.podChanged(source);
    this.#changes.workloadChanged(workloadOfCheckpoint(checkpoint));
  }

  /** The checkpoint that stops the pod and has not confirmed its room free yet. */
  holding(podUID: string): PodCheckpoint | undefined {
    for (const checkpoint of this.#stopsBySource.get(podUID)?.values() ?? []) {
      if (stopPhaseOf(checkpoint) === 'UnderWay') return checkpoint;
    }
    return undefined;
  }

  /** The checkpoint by which the pod has been, or is being, stopped. A pod seen with one is on its way out. */
  stopping(podUID: string): PodCheckpoint | undefined {
    if (this.#stopsBySource.size === 0) return undefined; // speed
    for (const checkpoint of this.#stopsBySource.get(podUID)?.values() ?? []) {
      const phase = stopPhaseOf(checkpoint);
      if (phase === 'UnderWay' || phase === 'Released') return checkpoint;
    }
    return undefined;
  }

  /** Everything asked for on behalf of the preemptor. */
  forPreemptor(uid: string): readonly PodCheckpoint[] {
    return [...(this.#stopsByPreemptor.get(uid)?.values() ?? [])];
  }

  /**
   * The group checkpoint (`namespace/name`) of which the checkpoint is a member that has yet to come back, and how many have. Undefined: it
   * comes back alone, or is back, or its group has members of several PodGroups: each of those has a gang of its own to wait for.
   */
  returningWith(key: string): { readonly group: string; readonly size: number } | undefined {
    const checkpoint = this.#byKey.get(key);
    const group = checkpoint === undefined ? undefined : groupKeyOf(checkpoint);
    if (checkpoint === undefined || group === undefined || !hasYetToComeBack(checkpoint)) return undefined;
    const gang = gangOf(checkpoint);
    let size = 0;
    for (const member of this.#stopsByGroup.get(group)?.values() ?? []) {
      if (!hasYetToComeBack(member)) continue;
      if (gangOf(member) !== gang) return undefined;
      size += 1;
    }
    return size < 2 ? undefined : { group, size };
  }

  /** When the workload's newest usable checkpoint was complete, ms since the epoch. */
  newestReady(workload: string): number | undefined {
    if (this.#readyByWorkload.size === 0) return undefined; // speed
    let newest: number | undefined;
    for (const { status } of this.#readyByWorkload.get(workload)?.values() ?? []) {
      const at = timeOf(status?.completionTime);
      if (at !== undefined && (newest === undefined || at > newest)) newest = at;
    }
    return newest;
  }
}

function hasYetToComeBack(checkpoint: PodCheckpoint): boolean {
  const phase = stopPhaseOf(checkpoint);
  if (phase === 'Failed' || phase === 'Replaced' || checkpoint.spec.restore === 'Never') return false;
  const restored = conditionOf(checkpoint.status?.conditions, 'Restored');
  return restored?.status !== 'True' && restored?.reason !== 'Abandoned';
}

/** The PodGroup of the pod that was stopped. */
function gangOf({ metadata, status }: PodCheckpoint): string | undefined {
  const { labels } = (status?.checkpointedPodTemplate?.metadata ?? {}) as Partial<ObjectMeta>;
  return podGroupOf({
    metadata: { ...(metadata.namespace !== undefined && { namespace: metadata.namespace }), ...(labels && { labels }) },
  });
}

function groupKeyOf({ metadata, spec }: PodCheckpoint): string | undefined {
  if (spec.group === undefined || spec.postCheckpointState !== 'Stopped') return undefined;
  return `${metadata.namespace ?? 'default'}/${spec.group}`;
}

/** ms since the epoch by which the dump has ended one way or the other, and the pod is gone if it succeeded. */
export function stopDeadlineOf(checkpoint: PodCheckpoint): number {
  const begun = timeOf(checkpoint.status?.startTime) ?? timeOf(checkpoint.metadata.creationTimestamp) ?? 0;
  const seconds = checkpoint.spec.timeoutSeconds ?? DEFAULT_CHECKPOINT_TIMEOUT_SECONDS;
  return begun + seconds * 1000 + RELEASE_SLACK_MS;
}

function keyOf(checkpoint: PodCheckpoint): string {
  return `${checkpoint.metadata.namespace ?? 'default'}/${checkpoint.metadata.name}`;
}

function index(by: Map<string, Map<string, PodCheckpoint>>, key: string, checkpoint: PodCheckpoint): void {
  const existing = by.get(key);
  if (existing === undefined) by.set(key, new Map([[keyOf(checkpoint), checkpoint]]));
  else existing.set(keyOf(checkpoint), checkpoint);
}

function unindex(by: Map<string, Map<string, PodCheckpoint>>, key: string, checkpoint: PodCheckpoint): void {
  const existing = by.get(key);
  existing?.delete(keyOf(checkpoint));
  if (existing?.size === 0) by.delete(key);
}
