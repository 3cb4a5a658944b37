import type { PodCheckpoint } from '../../model/index.ts';

/** Bytes of all containers' images and file system differences. */
export function sizeOfCheckpoint({ status }: PodCheckpoint): number {
  let bytes = 0;
  for (const { sizeBytes = 0 } of status?.checkpointedContainers ?? []) bytes += sizeBytes;
  return bytes;
}
