import { conditionOf, isOnlyState, keyOf, type PodCheckpoint } from '../model/index.ts';

/** Where the state of suspended workloads is to go when Fermata leaves. */
export type SuspendedChoice = 'keep' | 'discard';

export interface SuspendedWorkloads {
  /** Checkpoints that are the only state of a workload. */
  suspended: PodCheckpoint[];
  /** Of those: the ones in whose place no pod waits yet. */
  unsettled: PodCheckpoint[];
}

/** What an uninstallation must not lose sight of. */
export function suspendedWorkloads(checkpoints: readonly PodCheckpoint[]): SuspendedWorkloads {
  const suspended = checkpoints.filter(isOnlyState);
  const unsettled = suspended.filter(
    ({ status }) => conditionOf(status?.conditions, 'Restored')?.reason !== 'Suspended',
  );
  return { suspended, unsettled };
}

/** For people: the first few by name. */
export function named(checkpoints: readonly PodCheckpoint[]): string {
  const shown = checkpoints
    .slice(0, 5)
    .map((each) => `${each.metadata.namespace}/${each.spec.sourcePod.name} (${keyOf(each)})`);
  const more = checkpoints.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
