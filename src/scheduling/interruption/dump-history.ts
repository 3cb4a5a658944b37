import { conditionOf, type PodCheckpoint, workloadOfCheckpoint } from '../../model/index.ts';
import {
  DUMP_CURVE,
  DUMP_FIXED_SECONDS,
  REMEMBERED_WORKLOADS,
  RESTORE_CURVE,
  RESTORE_FIXED_SECONDS,
  WORKLOAD_SAMPLES,
} from '../constants.ts';
import { timeOf } from '../snapshot/pod-info.ts';
import { DumpOverlaps } from './dump-overlaps.ts';
import { sizeOfCheckpoint } from './dump-size.ts';
import { FactChanges, type FactListener } from './fact-changes.ts';
import { StoreRates } from './store-rates.ts';
import { TransferRates } from './transfer-rates.ts';

/** One measured checkpoint of a workload. */
export interface MeasuredDump {
  readonly nodeName: string;
  readonly sizeBytes: number;
  /** As if it had had the node's bandwidth for itself. */
  readonly dumpSeconds: number;
  restoreSeconds: number | undefined;
}

const NONE: readonly MeasuredDump[] = [];

/** Measured dumps and restores: by workload, and what follows from them for the bandwidth of nodes and stores. */
export class DumpHistory {
  readonly dumps = new TransferRates(DUMP_CURVE);
  readonly restores = new TransferRates(RESTORE_CURVE);
  readonly stores = new StoreRates();
  /** Newest last, both of workloads and of a workload's dumps. */
  readonly #workloads = new Map<string, MeasuredDump[]>();
  readonly #overlaps = new DumpOverlaps();
  /** UID of a checkpoint → what of it was counted. */
  readonly #counted = new Map<string, { dump: MeasuredDump; stored: boolean }>();
  readonly #changes: FactListener;

  constructor(changes: FactListener = new FactChanges()) {
    this.#changes = changes;
  }

  observe(checkpoint: PodCheckpoint): void {
    const { status, metadata } = checkpoint;
    if (status?.dumpMilliseconds === undefined || status.nodeName === undefined) return;
    const workload = workloadOfCheckpoint(checkpoint);
    const counted = this.#counted.get(metadata.uid) ?? { dump: this.#countDump(checkpoint, workload), stored: false };
    this.#counted.set(metadata.uid, counted);
    const { dump } = counted;
    if (dump.restoreSeconds === undefined && status.restoreMilliseconds !== undefined) {
      dump.restoreSeconds = status.restoreMilliseconds / 1000;
      // Nearly every restore is on the node that holds the data; a bandwidth by pair of nodes would stay unlearned.
      const transfer = dump.restoreSeconds - RESTORE_FIXED_SECONDS;
      if (this.restores.learn(status.nodeName, dump.sizeBytes, transfer)) this.#changes.everythingChanged();
      this.#changes.nodeChanged(status.nodeName);
      this.#changes.workloadChanged(workload);
    }
    if (!counted.stored) counted.stored = this.#countStored(checkpoint);
  }

  /** The measurements of a workload outlive its checkpoint. */
  forget(checkpoint: PodCheckpoint): void {
    this.#counted.delete(checkpoint.metadata.uid);
  }

  /** Newest last. */
  of(workload: string): readonly MeasuredDump[] {
    // Looking up names costs more than anything else here, and most clusters have measured few or none.
    return this.#workloads.size === 0 ? NONE : (this.#workloads.get(workload) ?? NONE); // speed
  }

  #countDump(checkpoint: PodCheckpoint, workload: string): MeasuredDump {
    const { status, metadata } = checkpoint;
    const nodeName = status?.nodeName ?? '';
    const sizeBytes = sizeOfCheckpoint(checkpoint);
    const measured = (status?.dumpMilliseconds ?? 0) / 1000;
    const end = timeOf(status?.completionTime) ?? timeOf(metadata.creationTimestamp) ?? 0;
    const dumpsAtOnce = this.#overlaps.add(nodeName, { begin: end - measured * 1000, end });
    const transfer = Math.max(0, measured - DUMP_FIXED_SECONDS) / dumpsAtOnce;
    const dumpSeconds = Math.min(measured, DUMP_FIXED_SECONDS) + transfer;
    const dump: MeasuredDump = { nodeName, sizeBytes, dumpSeconds, restoreSeconds: undefined };
    const known = this.#workloads.get(workload) ?? [];
    this.#workloads.delete(workload);
    this.#workloads.set(workload, [...known, dump].slice(-WORKLOAD_SAMPLES));
    if (this.#workloads.size > REMEMBERED_WORKLOADS) {
      for (const oldest of this.#workloads.keys()) {
        this.#workloads.delete(oldest);
        break;
      }
    }
    if (this.dumps.learn(nodeName, sizeBytes, transfer)) this.#changes.everythingChanged();
    this.#changes.nodeChanged(nodeName);
    this.#changes.workloadChanged(workload);
    return dump;
  }

  #countStored({ status }: PodCheckpoint): boolean {
    const stored = conditionOf(status?.conditions, 'Stored');
    const store = status?.checkpointLocation?.store;
    if (stored?.status !== 'True' || store === undefined) return false;
    const begin = timeOf(status?.completionTime);
    const end = timeOf(stored.lastTransitionTime);
    if (begin !== undefined && end !== undefined) this.stores.learn(store.url, store.sizeBytes, (end - begin) / 1000);
    return true;
  }
}
