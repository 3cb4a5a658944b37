import type { PodCheckpoint } from '../../model/index.ts';

/** Whether the node need not fetch the checkpoint's data: it made them, and they did not leave it for a store. */
export function isDataOn(nodeName: string, { status }: PodCheckpoint): boolean {
  const { store, nodeLocal } = status?.checkpointLocation ?? {};
  return nodeName === status?.nodeName && (store === undefined || nodeLocal !== undefined);
}
