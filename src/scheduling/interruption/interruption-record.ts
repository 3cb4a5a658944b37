import { conditionOf, type PodCheckpoint, workloadOfCheckpoint } from '../../model/index.ts';
import {
  DUMP_FAILURE_BACKOFF_MS,
  INTERRUPTION_PROTECTION_MS,
  INTERRUPTION_WINDOW_MS,
  MAX_DUMP_FAILURE_BACKOFF_MS,
  MAX_INTERRUPTION_PROTECTION_MS,
} from '../constants.ts';
import { type PodInfo, timeOf } from '../snapshot/pod-info.ts';
import { sourceUIDOf, stopPhaseOf } from './checkpoint-ledger.ts';
import { FactChanges, type FactListener } from './fact-changes.ts';

/** Dumps of one pod that failed in a row. */
export interface DumpFailures {
  readonly count: number;
  /** ms since the epoch. */
  readonly lastAt: number;
  readonly reason: string;
}

/**
 * What was done to whom: interruptions by workload over the last 24 hours, failed dumps by pod. Rebuilt from the
 * PodCheckpoints after a restart; remembers those that were deleted meanwhile.
 */
export class InterruptionRecord {
  /** Per workload: id of the interruption → when. */
  readonly #interruptions = new Map<string, Map<string, number>>();
  /** Per pod UID: id of the attempt → when and why. */
  readonly #failures = new Map<string, Map<string, { at: number; reason: string }>>();
  /** Per pod UID: dumps that were seen under way and whose end was not. */
  readonly #underWay = new Map<string, Set<string>>();
  readonly #changes: FactListener;

  constructor(changes: FactListener = new FactChanges()) {
    this.#changes = changes;
  }

  observe(checkpoint: PodCheckpoint, now: number): void {
    const phase = stopPhaseOf(checkpoint);
    const ready = conditionOf(checkpoint.status?.conditions, 'Ready');
    const source = sourceUIDOf(checkpoint);
    const { uid } = checkpoint.metadata;
    if (phase === 'Failed') {
      if (source === undefined) return;
      const at = this.#timeOf(source, uid, timeOf(ready?.lastTransitionTime), now);
      this.failed(source, uid, ready?.message ?? 'the dump failed', at);
      return;
    }
    if (ready?.status !== 'True') {
      if (source !== undefined && phase === 'UnderWay') this.#begun(source, uid);
      return;
    }
    const at = this.#timeOf(source ?? '', uid, timeOf(checkpoint.status?.completionTime), now);
    if (source !== undefined) this.forgetPod(source);
    const { postCheckpointState, reason, preemptor } = checkpoint.spec;
    // A move that makes room for somebody interrupts whom it happens to, as a preemption does.
    const isInterruption = reason === 'Preemption' || (reason === 'Migration' && preemptor !== undefined);
    if (postCheckpointState === 'Stopped' && isInterruption) {
      const workload = workloadOfCheckpoint(checkpoint);
      if (this.#interruptions.get(workload)?.has(uid) !== true) this.interrupted(workload, uid, at);
    }
  }

  #begun(podUID: string, id: string): void {
    const known = this.#underWay.get(podUID);
    if (known === undefined) this.#underWay.set(podUID, new Set([id]));
    else known.add(id);
  }

  /**
   * When a dump ended. Whose end was seen ended now: a node's clock may be an hour off, and what is to be left alone for a
   * while would never be, or for too long. Of the others the node's word counts, but the future.
   */
  #timeOf(podUID: string, id: string, said: number | undefined, now: number): number {
    return this.#underWay.get(podUID)?.delete(id) === true ? now : Math.min(said ?? now, now);
  }

  /** A pod preempted by termination counts like one that was checkpointed. Known only as long as its deletion is seen. */
  terminated({ workload, uid, preemptedByScheduler }: PodInfo, now: number): void {
    if (!preemptedByScheduler || this.#interruptions.get(workload)?.has(uid) === true) return;
    this.interrupted(workload, uid, now);
  }

  interrupted(workload: string, id: string, at: number): void {
    const known = this.#interruptions.get(workload);
    if (known === undefined) this.#interruptions.set(workload, new Map([[id, at]]));
    else known.set(id, at);
    this.#changes.workloadChanged(workload);
  }

  /** An attempt counts once, as it was told first. */
  failed(podUID: string, id: string, reason: string, at: number): void {
    const known = this.#failures.get(podUID);
    if (known === undefined) this.#failures.set(podUID, new Map([[id, { at, reason }]]));
    else if (known.has(id)) return;
    else known.set(id, { at, reason });
    this.#changes.podChanged(podUID);
  }

  forgetPod(podUID: string): void {
    this.#underWay.delete(podUID);
    if (this.#failures.delete(podUID)) this.#changes.podChanged(podUID);
  }

  /** Interruptions in the 24 hours before `now`; older ones are forgotten. */
  countOf(workload: string, now: number): number {
    if (this.#interruptions.size === 0) return 0; // speed
    const known = this.#interruptions.get(workload);
    if (known === undefined) return 0;
    for (const [id, at] of known) if (at <= now - INTERRUPTION_WINDOW_MS) known.delete(id);
    if (known.size === 0) this.#interruptions.delete(workload);
    return known.size;
  }

  /** When the oldest counted interruption stops to count; Infinity without any. */
  oldestExpiry(workload: string): number {
    let oldest = Infinity;
    for (const at of this.#interruptions.get(workload)?.values() ?? []) oldest = Math.min(oldest, at);
    return oldest + INTERRUPTION_WINDOW_MS;
  }

  /** How long an incarnation of the workload is left to run first, ms: `10 s × 2^(k−1)` after k interruptions. */
  protectionOf(workload: string, now: number): number {
    const count = this.countOf(workload, now);
    if (count === 0) return 0;
    return Math.min(INTERRUPTION_PROTECTION_MS * 2 ** Math.min(count - 1, 30), MAX_INTERRUPTION_PROTECTION_MS);
  }

  failuresOf(podUID: string): DumpFailures | undefined {
    if (this.#failures.size === 0) return undefined; // speed
    const known = this.#failures.get(podUID);
    if (known === undefined) return undefined;
    let last = { at: 0, reason: '' };
    for (const failure of known.values()) if (failure.at >= last.at) last = failure;
    return { count: known.size, lastAt: last.at, reason: last.reason };
  }
}

/** When a pod whose dump failed may be tried again: 30 s after the last failure, doubled with each, at most 10 minutes. */
export function retryAfterFailures({ count, lastAt }: DumpFailures): number {
  return lastAt + Math.min(DUMP_FAILURE_BACKOFF_MS * 2 ** Math.min(count - 1, 30), MAX_DUMP_FAILURE_BACKOFF_MS);
}
