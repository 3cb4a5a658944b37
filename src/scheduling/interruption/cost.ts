import { podLimits } from '../../model/index.ts';
import {
  BANDWIDTH_SAMPLE_MIN_BYTES,
  DUMP_FIXED_SECONDS,
  MINIMUM_SHARE,
  RESTORE_FIXED_SECONDS,
  SINGLE_SAMPLE_TRUST,
  UNKNOWN_MEMORY_BYTES,
} from '../constants.ts';
import type { VictimCosts } from '../contract.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { dominantShareOf, MEMORY } from '../snapshot/resource-space.ts';
import type { DumpSize } from './dump-curve.ts';
import type { DumpHistory, MeasuredDump } from './dump-history.ts';
import { FactChanges, type FactListener } from './fact-changes.ts';
import { medianOf } from './robust-median.ts';
import { terminationCost } from './termination.ts';
import type { TransferRates } from './transfer-rates.ts';
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
  readonly #usage = new Map<string, DumpSize>();
  readonly #changes: FactListener;

  constructor({ history, lastCheckpointOf, changes = new FactChanges() }: CostModelDependencies) {
    this.#history = history;
    this.#lastCheckpointOf = lastCheckpointOf;
    this.#changes = changes;
  }

  /** Measured resident memory of a running pod, and that of its GPUs where it has any, bytes. */
  observeUsage(podUID: string, memoryBytes: number, gpuMemoryBytes = 0): void {
    this.#usage.set(podUID, { memoryBytes, gpuMemoryBytes });
    this.#changes.podChanged(podUID);
  }

  forgetPod(podUID: string): void {
    this.#usage.delete(podUID);
  }

  /** Bytes to write: measured, else requested, else allowed, else a documented guess. Of GPUs only what was measured. */
  sizeOf(pod: PodInfo): DumpSize {
    const memoryBytes = pod.requests[MEMORY] || podLimits(pod.pod).memory || UNKNOWN_MEMORY_BYTES;
    return this.#usage.get(pod.uid) ?? { memoryBytes, gpuMemoryBytes: 0 };
  }

  /** All of it, bytes: what is compared with `maxCheckpointSize`. */
  memoryOf(pod: PodInfo): number {
    const { memoryBytes, gpuMemoryBytes } = this.sizeOf(pod);
    return memoryBytes + gpuMemoryBytes;
  }

  /** Seconds of a dump of the pod while `dumps` share the node's bandwidth, itself included. */
  dumpSeconds(pod: PodInfo, node: NodeInfo, dumps: number): number {
    const { dumpFixed, dumpTransfer } = this.#estimate(pod, node);
    return dumpFixed + dumpTransfer * dumps;
  }

  shareOf(pod: PodInfo, node: NodeInfo): number {
    return dominantShareOf(pod.requests, node.allocatable, MINIMUM_SHARE);
  }

  /**
   * Node-seconds lost by checkpointing the victim; `perFurtherDump` is what each other dump on the node adds.
   * @param dumps dumps that share the node's bandwidth, this one included
   */
  checkpointCost(victim: PodInfo, node: NodeInfo, dumps: number): { cost: number; perFurtherDump: number } {
    const { dumpFixed, dumpTransfer, restoreSeconds } = this.#estimate(victim, node);
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
    const { dumpFixed, dumpTransfer, restoreSeconds } = this.#estimate(victim, node);
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
  #estimate(victim: PodInfo, node: NodeInfo): { dumpFixed: number; dumpTransfer: number; restoreSeconds: number } {
    const { dumps, restores } = this.#history;
    const size = this.sizeOf(victim);
    const expectedDump = dumps.secondsOn(node.name, size);
    const expectedRestore = restores.secondsOn(node.name, size);
    const measured = this.#history.of(victim.workload);
    if (measured.length === 0) {
      const restoreSeconds = RESTORE_FIXED_SECONDS + expectedRestore;
      return { dumpFixed: DUMP_FIXED_SECONDS, dumpTransfer: expectedDump, restoreSeconds };
    }
    const today = this.#usage.has(victim.uid) ? size : undefined;
    const here = { nodeName: node.name, today };
    const dumpSeconds = measured.map((one) => one.dumpSeconds);
    const dumpFixed = Math.min(medianOf(dumpSeconds), DUMP_FIXED_SECONDS);
    const restored = measured.filter(({ restoreSeconds }) => restoreSeconds !== undefined);
    const restoreFixed = Math.min(medianOf(restored.map(secondsOfRestore)), RESTORE_FIXED_SECONDS);
    const dumpTransfer = transferOf(measured, ({ dumpSeconds: seconds }) => seconds - dumpFixed, dumps, here);
    const restoreTransfer = transferOf(restored, (one) => secondsOfRestore(one) - restoreFixed, restores, here);
    return {
      dumpFixed,
      dumpTransfer: trusted(dumpTransfer, expectedDump, measured.length),
      restoreSeconds:
        restored.length === 0
          ? RESTORE_FIXED_SECONDS + expectedRestore
          : restoreFixed + trusted(restoreTransfer, expectedRestore, restored.length),
    };
  }
}

function secondsOfRestore({ restoreSeconds = 0 }: MeasuredDump): number {
  return restoreSeconds;
}

/** The median of the measured transfers, each scaled to today's size and to the node it would be on. */
function transferOf(
  measured: readonly MeasuredDump[],
  secondsOf: (one: MeasuredDump) => number,
  rates: TransferRates,
  { nodeName, today }: { nodeName: string; today: DumpSize | undefined },
): number {
  const scaled = measured.map((one) => {
    const seconds = Math.max(0, secondsOf(one));
    const then = { memoryBytes: one.sizeBytes, gpuMemoryBytes: 0 };
    // Of a small dump the fixed part is all there is to know: it does not scale.
    if (one.sizeBytes < BANDWIDTH_SAMPLE_MIN_BYTES) return seconds;
    return (seconds * rates.secondsOn(nodeName, today ?? then)) / rates.secondsOn(one.nodeName, then);
  });
  return scaled.length === 0 ? 0 : medianOf(scaled.map((seconds) => Math.max(seconds, Number.MIN_VALUE)));
}

/** One measurement may be a freak: it is believed within bounds. */
function trusted(seconds: number, expected: number, samples: number): number {
  if (samples > 1) return seconds;
  return Math.min(Math.max(seconds, expected / SINGLE_SAMPLE_TRUST), Math.max(expected, 1) * SINGLE_SAMPLE_TRUST);
}
