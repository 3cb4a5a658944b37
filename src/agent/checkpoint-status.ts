import { rfc3339 } from '../clock/index.ts';
import {
  conditionOf,
  isConditionTrue,
  NOTHING_RUNS,
  type PodCheckpoint,
  type PodCheckpointStatus,
  PREPARED_CONDITION,
  withCondition,
} from '../model/index.ts';
import type { JournalEntry } from './journal.ts';

/** Reasons with which a checkpoint has failed for good. */
export type FailureReason = 'CheckpointFailed' | 'SourcePodReplaced';

export function isReady(checkpoint: PodCheckpoint): boolean {
  return isConditionTrue(checkpoint.status?.conditions, 'Ready');
}

export function hasFailed(checkpoint: PodCheckpoint): boolean {
  const ready = conditionOf(checkpoint.status?.conditions, 'Ready');
  return ready?.status === 'False' && (ready.reason === 'CheckpointFailed' || ready.reason === 'SourcePodReplaced');
}

export function isStopped(checkpoint: PodCheckpoint): boolean {
  return checkpoint.spec.postCheckpointState === 'Stopped';
}

/** The node takes the checkpoint up. */
export function inProgress(
  current: PodCheckpoint,
  facts: { nodeName: string; podUid: string },
  now: number,
): PodCheckpointStatus {
  const time = rfc3339(now);
  const message = `node ${facts.nodeName} dumps pod ${current.spec.sourcePod.name}`;
  return {
    ...current.status,
    nodeName: facts.nodeName,
    sourcePodUID: facts.podUid,
    startTime: time,
    conditions: withCondition(
      current.status?.conditions,
      { type: 'Ready', status: 'False', reason: 'CheckpointInProgress', message },
      time,
    ),
  };
}

export function failed(
  current: PodCheckpoint,
  failure: { reason: FailureReason; message: string; nodeName?: string },
  now: number,
): PodCheckpointStatus {
  const { reason, message, nodeName } = failure;
  return {
    ...current.status,
    ...(nodeName === undefined ? {} : { nodeName }),
    conditions: withCondition(
      current.status?.conditions,
      { type: 'Ready', status: 'False', reason, message },
      rfc3339(now),
    ),
  };
}

/** The member of a group votes for the commit: its images are verified, and its processes stand still until the decision. */
export function prepared(current: PodCheckpoint, now: number): PodCheckpointStatus {
  const condition = {
    type: PREPARED_CONDITION,
    status: 'True',
    reason: 'ImagesVerified',
    message: 'the images are verified; the processes stand still until the group is decided',
  } as const;
  return { ...current.status, conditions: withCondition(current.status?.conditions, condition, rfc3339(now)) };
}

/** The image from which a kubelet restores that container of the checkpoint. */
export type RestoreImage = (checkpointUid: string, container: string) => string;

/** The dump is verified and sealed. `restoreImage`: only where a kubelet runs the pods. */
export function completed(
  current: PodCheckpoint,
  entry: JournalEntry,
  nodeName: string,
  restoreImage?: RestoreImage,
): PodCheckpointStatus {
  const sealedAt = entry.sealedAt ?? entry.orderedAt;
  const time = rfc3339(sealedAt);
  const size = (entry.containers ?? []).reduce((sum, container) => sum + (container.sizeBytes ?? 0), 0);
  const { heldBy } = entry;
  const how =
    heldBy === undefined
      ? 'verified'
      : `in ${heldBy.name} of node.k8s.io, which only this kubelet can read and restore`;
  const message = `${size} bytes of ${entry.containers?.length ?? 0} containers, ${how}`;
  const ready = { type: 'Ready', status: 'True', reason: 'CheckpointCompleted', message } as const;
  return {
    ...current.status,
    nodeName,
    sourcePodUID: entry.podUid,
    completionTime: time,
    dumpMilliseconds: Math.max(0, Math.round(sealedAt - entry.orderedAt)),
    checkpointedPodTemplate: heldBy === undefined ? entry.template : { ...entry.template, spec: heldBy.template },
    checkpointedContainers: (entry.containers ?? []).map((container) => ({
      ...container,
      ...(restoreImage && !heldBy && { restoreImage: restoreImage(entry.checkpointUid, container.name) }),
    })),
    checkpointLocation: {
      type: 'NodeLocal',
      nodeLocal: { path: entry.folder },
      ...(heldBy && { upstream: { name: heldBy.name } }),
    },
    ...(entry.manifestDigest === undefined ? {} : { manifestDigest: entry.manifestDigest }),
    conditions: withCondition(current.status?.conditions, ready, time),
  };
}

/** Nothing of the source pod runs on its node any more, but its object is still there. */
export function emptied(current: PodCheckpoint, nodeName: string, now: number): PodCheckpointStatus {
  const message = `nothing of the source pod runs on node ${nodeName} any more; its object need not wait`;
  const condition = { type: 'Released', status: 'False', reason: NOTHING_RUNS, message } as const;
  return { ...current.status, conditions: withCondition(current.status?.conditions, condition, rfc3339(now)) };
}

export function released(current: PodCheckpoint, now: number): PodCheckpointStatus {
  const condition = {
    type: 'Released',
    status: 'True',
    reason: 'PodGone',
    message: 'the source pod is gone from the API and from its node',
  } as const;
  return {
    ...current.status,
    conditions: withCondition(current.status?.conditions, condition, rfc3339(now)),
  };
}

export function restored(
  current: PodCheckpoint,
  facts: { podName: string; podUid: string; nodeName: string; milliseconds: number | undefined },
  now: number,
): PodCheckpointStatus {
  const { podName, podUid, nodeName, milliseconds } = facts;
  // What is already told stays as it was told first.
  if (isConditionTrue(current.status?.conditions, 'Restored') && current.status?.restoration?.podUID === podUid) {
    return current.status;
  }
  const condition = {
    type: 'Restored',
    status: 'True',
    reason: 'Restored',
    message: `pod ${podName} (${podUid}) goes on from it on node ${nodeName}`,
  } as const;
  return {
    ...current.status,
    ...(milliseconds === undefined ? {} : { restoreMilliseconds: Math.max(0, Math.round(milliseconds)) }),
    restoration: { ...current.status?.restoration, podName, podUID: podUid },
    conditions: withCondition(current.status?.conditions, condition, rfc3339(now)),
  };
}

/** A copy off the node exists and was read back. The node's own stays, and is what this node restores from. */
export function stored(
  current: PodCheckpoint,
  archive: { url: string; digest: string; sizeBytes: number; encrypted: boolean },
  now: number,
): PodCheckpointStatus {
  const { url, digest, sizeBytes, encrypted } = archive;
  const nodeLocal = current.status?.checkpointLocation?.nodeLocal;
  const how = encrypted ? 'encrypted' : 'not encrypted';
  const message = `${sizeBytes} bytes in ${url}, ${how}, read back and verified`;
  const condition = { type: 'Stored', status: 'True', reason: 'Verified', message } as const;
  return {
    ...current.status,
    checkpointLocation: {
      type: 'Store',
      ...(nodeLocal && { nodeLocal }),
      store: { url, digest, sizeBytes, encrypted },
    },
    conditions: withCondition(current.status?.conditions, condition, rfc3339(now)),
  };
}

/** It is on its way; `message` says how far. */
export function uploading(current: PodCheckpoint, message: string, now: number): PodCheckpointStatus {
  const condition = { type: 'Stored', status: 'False', reason: 'Uploading', message } as const;
  return { ...current.status, conditions: withCondition(current.status?.conditions, condition, rfc3339(now)) };
}

/** It is tried again. */
export function notStored(current: PodCheckpoint, message: string, now: number): PodCheckpointStatus {
  const condition = { type: 'Stored', status: 'False', reason: 'UploadFailed', message } as const;
  return { ...current.status, conditions: withCondition(current.status?.conditions, condition, rfc3339(now)) };
}
