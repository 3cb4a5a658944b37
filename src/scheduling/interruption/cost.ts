import { podLimits } from '../../model/index.ts';
import { DUMP_FIXED_SECONDS, MINIMUM_SHARE, RESTORE_FIXED_SECONDS, UNKNOWN_MEMORY_BYTES } from '../constants.ts';
import type { VictimCosts } from '../contract.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { dominantShareOf, MEMORY } from '../snapshot/resource-space.ts';
import type { DumpHistory } from './dump-history.ts';
import { FactChanges, type FactListener } from './fact-changes.ts';
import { terminationCost } from './termination.ts';
import type { Permission } from './victim-rules.ts';

export interface CostModelDependencies {
  history: DumpHistory;
  /** Completion of the workload's newest checkpoint it could go on from, ms since the epoch. */
  lastCheckpointOf: (workload: string) => number | undefined;
  changes?: FactListener;
}

/**
 * What an interruption loses, in seconds × dominant share of the node: the rule of Li et al. (Middleware 2015) — dump if
 * the unsaved progress is worth more than dump and restore take, else kill — with waiting as the third way.
 */
export class CostModel {
  readonly #history: DumpHistory;
  readonly #lastCheckpointOf: (workload: string) => number | undefined;
  readonly #usage = new Map<string, number>();
  readonly #changes: FactListener;

  constructor({ history, lastCheckpointOf, changes = new FactChanges() }: CostModelDependencies) {
    this.#history = history;
    this.#lastCheckpointOf = lastCheckpointOf;
    this.#changes = changes;
  }

  /** Measured resident memory of a running pod, bytes. */
  observeUsage(podUID: string, memoryBytes: number): void {
    this.#usage.set(podUID, memoryBytes);
    this.#changes.podChanged(podUID);
  }

  forgetPod(podUID: string): void {
    this.#usage.delete(podUID);
  }

  /** Bytes: measured, else requested, else allowed, else a documented guess. */
  memoryOf(pod: PodInfo): number {
    return this.#usage.get(pod.uid) ?? (pod.requests[MEMORY] || podLimits(pod.pod).memory || UNKNOWN_MEMORY_BYTES);
  }

  shareOf(pod: PodInfo, node: NodeInfo): number {
    return dominantShareOf(pod.requests, node.allocatable, MINIMUM_SHARE);
  }

  /**
   * Node-seconds lost by checkpointing the victim; `perFurtherDump` is what each other dump on the node adds.
   * @param dumps dumps that share the node's bandwidth, this one included
   */
  checkpointCost(victim: PodInfo, node: NodeInfo, dumps: number): { cost: number; perFurtherDump: number } {
    const { dumpFixed, dumpTransfer, restoreSeconds } = this.#estimate(victim, node, this.memoryOf(victim));
    const share = this.shareOf(victim, node);
    return { cost: (dumpFixed + dumpTransfer * dumps + restoreSeconds) * share, perFurtherDump: dumpTransfer * share };
  }

  /** Since when the victim's progress would be lost: its newest checkpoint or its start, ms since the epoch. */
  savedAt(victim: PodInfo): number {
    return Math.max(victim.startedAt, this.#lastCheckpointOf(victim.workload) ?? 0);
  }

  /** Node-seconds lost by terminating the victim. */
  terminationCost(victim: PodInfo, node: NodeInfo, now: number): number {
    return terminationCost(this.shareOf(victim, node), this.savedAt(victim), now);
  }

  /** All of it, to be shown. `preemptor`: whose waiting counts, where the victim's natural end is known. */
  explain(
    victim: PodInfo,
    node: NodeInfo,
    context: { permission: Permission; dumps: number; preemptor: PodInfo; now: number },
  ): VictimCosts {
    const { permission, dumps, preemptor, now } = context;
    const memoryBytes = this.memoryOf(victim);
    const { dumpFixed, dumpTransfer, restoreSeconds } = this.#estimate(victim, node, memoryBytes);
    const costs: VictimCosts = { memoryBytes, dumpSeconds: dumpFixed + dumpTransfer * dumps, restoreSeconds };
    if (permission.checkpoint) costs.checkpoint = this.checkpointCost(victim, node, dumps).cost;
    if (permission.terminate) costs.terminate = this.terminationCost(victim, node, now);
    if (victim.endsAt !== undefined && victim.endsAt > now) {
      costs.wait = ((victim.endsAt - now) / 1000) * this.shareOf(preemptor, node);
    }
    if (permission.excluded !== undefined) costs.excluded = permission.excluded;
    return costs;
  }

  /** The fixed part is each dump's own; the transfer is bandwidth, shared by those that run at once. */
  #estimate(victim: PodInfo, node: NodeInfo, memoryBytes: number) {
    const measured = this.#history.of(victim.workload);
    const dumpTransfer = memoryBytes / this.#history.dumpBandwidthOf(node.name);
    const restoreTransfer = memoryBytes / this.#history.restoreBandwidthOf(node.name);
    if (measured === undefined) {
      const restoreSeconds = RESTORE_FIXED_SECONDS + restoreTransfer;
      return { dumpFixed: DUMP_FIXED_SECONDS, dumpTransfer, restoreSeconds };
    }
    // Measured seconds, their transfer scaled to what the pod uses today where that is known.
    const ratio = measured.sizeBytes > 0 && this.#usage.has(victim.uid) ? memoryBytes / measured.sizeBytes : 1;
    const dumpFixed = Math.min(measured.dumpSeconds, DUMP_FIXED_SECONDS);
    const restoreMeasured = measured.restoreSeconds;
    const restoreFixed = Math.min(restoreMeasured ?? RESTORE_FIXED_SECONDS, RESTORE_FIXED_SECONDS);
    return {
      dumpFixed,
      dumpTransfer: (measured.dumpSeconds - dumpFixed) * ratio,
      restoreSeconds:
        restoreFixed + (restoreMeasured === undefined ? restoreTransfer : (restoreMeasured - restoreFixed) * ratio),
    };
  }
}
