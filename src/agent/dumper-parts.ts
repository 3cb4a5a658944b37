import type { Clock } from '../clock/index.ts';
import type { EventRecorder } from '../kubernetes/index.ts';
import type { Log } from '../model/index.ts';
import type { CheckpointRuntime } from '../runtime/index.ts';
import type { RestoreImage } from './checkpoint-status.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import type { AgentCounters } from './counters.ts';
import type { GroupVotes } from './group-votes.ts';
import type { Journal } from './journal.ts';
import type { Slots } from './slots.ts';
import type { CheckpointStorage } from './storage.ts';
import type { StorageDemand } from './storage-demand.ts';
import type { UnsettledPods } from './unsettled-pods.ts';

export interface DumperParts {
  runtime: CheckpointRuntime;
  clock: Clock;
  log: Log;
  events: EventRecorder;
  journal: Journal;
  storage: CheckpointStorage;
  writer: CheckpointWriter;
  counters: AgentCounters;
  unsettled: UnsettledPods;
  slots: Slots;
  votes: GroupVotes;
  demand?: StorageDemand | undefined;
}

export interface DumperOptions {
  nodeName: string;
  /** Absolute; the checkpoints lie right below. */
  directory: string;
  /** Where the node keeps an `emptyDir` of a pod; absent: they are not captured. */
  volumeFolder?: ((podUid: string, volume: string) => string) | undefined;
  /** Where a kubelet restores: the image of a container of a PodCheckpoint. */
  restoreImage?: RestoreImage | undefined;
  /** Whether the kubelet's own PodCheckpoint may hold what it can hold. Default false. */
  upstream?: boolean | undefined;
}
