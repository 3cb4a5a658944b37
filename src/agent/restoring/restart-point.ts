import { isConditionTrue, type PodCheckpoint } from '../../model/index.ts';

/**
 * From where a container of a restored pod starts again: the newest checkpoint that was taken of this very pod while it ran, if
 * there is one; its data lies on this node. Undefined: none, so it is the one that the pod was restored from.
 */
export function newestCopy(
  podUid: string,
  container: string,
  checkpoints: readonly PodCheckpoint[],
): PodCheckpoint | undefined {
  return checkpoints
    .filter(
      ({ metadata, spec, status }) =>
        status?.sourcePodUID === podUid &&
        spec.postCheckpointState !== 'Stopped' &&
        metadata.deletionTimestamp === undefined &&
        isConditionTrue(status.conditions, 'Ready') &&
        status.checkpointedContainers?.some(({ name }) => name === container) === true,
    )
    .toSorted((one, other) => takenAt(one) - takenAt(other) || (one.metadata.name < other.metadata.name ? -1 : 1))
    .at(-1);
}

/** When its dump began, ms since the epoch: checkpoints need not become Ready in that order. */
export function takenAt({ metadata, status }: PodCheckpoint): number {
  return Date.parse(status?.startTime ?? metadata.creationTimestamp);
}
