import type { Pod, PodCheckpoint } from '../model/index.ts';
import { emptyDirsOf, folderOf } from './checkpoint-folder.ts';
import { isStopped } from './checkpoint-status.ts';
import { DEFAULT_TIMEOUT_SECONDS } from './defaults.ts';
import { groupOf } from './group-votes.ts';
import type { JournalEntry } from './journal.ts';
import { podTemplate } from './pod-template.ts';

/** The first entry of a checkpoint of that pod. */
export function firstEntry(checkpoint: PodCheckpoint, pod: Pod, now: number): JournalEntry {
  const group = groupOf(checkpoint);
  return {
    checkpointUid: checkpoint.metadata.uid,
    namespace: checkpoint.metadata.namespace ?? '',
    name: checkpoint.metadata.name,
    podUid: pod.metadata.uid,
    folder: folderOf(checkpoint),
    leaveRunning: !isStopped(checkpoint),
    timeoutMilliseconds: (checkpoint.spec.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
    step: 'dumping',
    orderedAt: now,
    template: podTemplate(pod, now),
    emptyDirs: emptyDirsOf(pod),
    ...(group !== undefined && { group }),
  };
}

/** The containers that were dumped, by name. */
export function namesOf(entry: JournalEntry): string[] {
  return (entry.containers ?? []).map(({ name }) => name);
}

/** The containers of the pod as it ran. */
export function containersOf(entry: JournalEntry): { name: string; image?: string }[] {
  const { containers } = entry.template.spec as { containers: { name: string; image?: string }[] };
  return containers;
}
