import { type PodCheckpoint, workloadOfCheckpoint } from '../../model/index.ts';
import {
  BANDWIDTH_SAMPLE_MIN_BYTES,
  DUMP_BYTES_PER_SECOND,
  DUMP_FIXED_SECONDS,
  HISTORY_WEIGHT,
  RESTORE_BYTES_PER_SECOND,
  RESTORE_FIXED_SECONDS,
} from '../constants.ts';
import { FactChanges, type FactListener } from './fact-changes.ts';

/** What a workload's latest measured checkpoint took. */
export interface MeasuredDump {
  readonly sizeBytes: number;
  readonly dumpSeconds: number;
  readonly restoreSeconds: number | undefined;
}

/** Measured dumps and restores by workload, and the bandwidth of each node that follows from them. */
export class DumpHistory {
  readonly #workloads = new Map<string, MeasuredDump>();
  readonly #dumpBandwidth = new Map<string, number>();
  readonly #restoreBandwidth = new Map<string, number>();
  /** UID of a checkpoint → what of it was counted. */
  readonly #counted = new Map<string, { dump: boolean; restore: boolean }>();
  readonly #changes: FactListener;

  constructor(changes: FactListener = new FactChanges()) {
    this.#changes = changes;
  }

  observe(checkpoint: PodCheckpoint): void {
    const { status, metadata } = checkpoint;
    if (status?.dumpMilliseconds === undefined) return;
    const counted = this.#counted.get(metadata.uid) ?? { dump: false, restore: false };
    this.#counted.set(metadata.uid, counted);
    const sizeBytes = (status.checkpointedContainers ?? []).reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    const workload = workloadOfCheckpoint(checkpoint);
    if (!counted.dump) {
      counted.dump = true;
      const dumpSeconds = status.dumpMilliseconds / 1000;
      const restoreSeconds = this.#workloads.get(workload)?.restoreSeconds;
      this.#workloads.set(workload, { sizeBytes, dumpSeconds, restoreSeconds });
      learn(this.#dumpBandwidth, status.nodeName, sizeBytes, dumpSeconds - DUMP_FIXED_SECONDS);
    }
    if (!counted.restore && status.restoreMilliseconds !== undefined) {
      counted.restore = true;
      const restoreSeconds = status.restoreMilliseconds / 1000;
      const known = this.#workloads.get(workload);
      if (known !== undefined) this.#workloads.set(workload, { ...known, restoreSeconds });
      // Nearly every restore is on the node that holds the data; a bandwidth by pair of nodes would stay unlearned.
      learn(this.#restoreBandwidth, status.nodeName, sizeBytes, restoreSeconds - RESTORE_FIXED_SECONDS);
    }
    this.#changes.workloadChanged(workload);
    if (status.nodeName !== undefined) this.#changes.nodeChanged(status.nodeName);
  }

  /** The measurements of a workload outlive its checkpoint. */
  forget(checkpoint: PodCheckpoint): void {
    this.#counted.delete(checkpoint.metadata.uid);
  }

  of(workload: string): MeasuredDump | undefined {
    // Looking up names costs more than anything else here, and most clusters have measured few or none.
    return this.#workloads.size === 0 ? undefined : this.#workloads.get(workload);
  }

  /** Bytes per second. */
  dumpBandwidthOf(nodeName: string): number {
    if (this.#dumpBandwidth.size === 0) return DUMP_BYTES_PER_SECOND;
    return this.#dumpBandwidth.get(nodeName) ?? DUMP_BYTES_PER_SECOND;
  }

  /** Bytes per second. */
  restoreBandwidthOf(nodeName: string): number {
    if (this.#restoreBandwidth.size === 0) return RESTORE_BYTES_PER_SECOND;
    return this.#restoreBandwidth.get(nodeName) ?? RESTORE_BYTES_PER_SECOND;
  }
}

function learn(known: Map<string, number>, nodeName: string | undefined, bytes: number, seconds: number): void {
  if (nodeName === undefined || bytes < BANDWIDTH_SAMPLE_MIN_BYTES || seconds <= 0) return;
  const sample = bytes / seconds;
  const before = known.get(nodeName);
  known.set(nodeName, before === undefined ? sample : before + HISTORY_WEIGHT * (sample - before));
}
