import type { LocalCopy } from '../checkpoint/index.ts';
import {
  isConditionTrue,
  keyOf,
  PINNED_ANNOTATION,
  type Pod,
  type PodCheckpoint,
  RESTORE_FROM_ANNOTATION,
} from '../model/index.ts';
import { folderOf } from './checkpoint-folder.ts';
import { isReady } from './checkpoint-status.ts';

/** The copy of a checkpoint that lies on a node, as the API tells of it. `pods`: those of that node. */
export function localCopyOf(checkpoint: PodCheckpoint, pods: readonly Pod[]): LocalCopy {
  const { metadata, status } = checkpoint;
  return {
    id: keyOf(checkpoint),
    takenAt: Date.parse(status?.startTime ?? metadata.creationTimestamp),
    stored: isStored(checkpoint),
    inUse: pods.some(
      (pod) =>
        pod.metadata.namespace === metadata.namespace &&
        pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === metadata.name &&
        pod.metadata.uid !== status?.restoration?.podUID,
    ),
    pinned: metadata.annotations?.[PINNED_ANNOTATION] !== undefined,
  };
}

/** A verified copy is in a store, and is not about to go. */
export function isStored({ metadata, status }: PodCheckpoint): boolean {
  const isSaid = isConditionTrue(status?.conditions, 'Stored') && status?.checkpointLocation?.store !== undefined;
  return isSaid && metadata.deletionTimestamp === undefined;
}

/** What lies in the `folders` of a node that is Ready, each with its folder. `pods`: those of that node. */
export function nodeCopies(
  checkpoints: readonly PodCheckpoint[],
  pods: readonly Pod[],
  folders: readonly string[],
): (LocalCopy & { folder: string })[] {
  const there = new Set(folders);
  return checkpoints
    .filter((checkpoint) => isReady(checkpoint) && there.has(folderOf(checkpoint)))
    .map((checkpoint) => ({ ...localCopyOf(checkpoint, pods), folder: folderOf(checkpoint) }));
}
