import type { PodCheckpoint } from '../../model/index.ts';
import { RESTORE_FIXED_SECONDS, UNKNOWN_MEMORY_BYTES } from '../constants.ts';
import { isDataOn } from './data-on-node.ts';
import type { DumpHistory } from './dump-history.ts';
import { sizeOfCheckpoint } from './dump-size.ts';

/** How long a checkpoint takes to run again on a node, by the bandwidth measured of nodes and stores. */
export class RestoreEstimate {
  readonly #history: DumpHistory;

  constructor(history: DumpHistory) {
    this.#history = history;
  }

  /** Fetching, where the node does not hold the data, and restoring; as if nothing else were fetched. */
  secondsOn(nodeName: string, checkpoint: PodCheckpoint): number {
    const fetch = isDataOn(nodeName, checkpoint) ? 0 : this.fetchSeconds(checkpoint);
    return RESTORE_FIXED_SECONDS + this.transferSecondsOn(nodeName, checkpoint) + fetch;
  }

  /** Of the node's bandwidth. */
  transferSecondsOn(nodeName: string, checkpoint: PodCheckpoint): number {
    const size = { memoryBytes: bytesOf(checkpoint), gpuMemoryBytes: 0 };
    return this.#history.restores.secondsOn(nodeName, size);
  }

  /** Of the store's bandwidth; of another node's, where the data is in no store. */
  fetchSeconds(checkpoint: PodCheckpoint): number {
    const store = checkpoint.status?.checkpointLocation?.store;
    const bytes = store?.sizeBytes ?? bytesOf(checkpoint);
    return bytes / this.#history.stores.bytesPerSecondOf(store?.url);
  }
}

function bytesOf(checkpoint: PodCheckpoint): number {
  return sizeOfCheckpoint(checkpoint) || UNKNOWN_MEMORY_BYTES;
}
