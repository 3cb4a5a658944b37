import { type Pod, RESTORE_FROM_ANNOTATION } from '../model/index.ts';
import type { ContainerObservation, PodObservation } from '../runtime/index.ts';
import { emptyDirsOf } from './checkpoint-folder.ts';
import { DISK_MARGIN_BYTES } from './defaults.ts';
import { isFrozen } from './dump-proof.ts';
import type { DumperOptions } from './dumper-parts.ts';
import type { CheckpointStorage } from './storage.ts';

/** Why the pod, as the server and the runtime show it, cannot be dumped; undefined: it can. */
export function refusalFor(pod: Pod, present: PodObservation | undefined): string | undefined {
  if (pod.metadata.deletionTimestamp !== undefined) return 'the pod is being deleted';
  const phase = pod.status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed') return `the pod has ended (${phase})`;
  if (isFrozen(present)) return 'the pod is stopped by an earlier checkpoint already';
  if (!present?.containers.some((container) => container.state === 'running')) return 'no container of the pod runs';
  const fallen = present.containers.find((container) => goesBack(pod, container));
  if (fallen === undefined) return undefined;
  return `container ${fallen.name} has ended, and the pod is about to go back to the checkpoint it was restored from`;
}

/** Of a restored pod: a dump now would hold nothing of this container, while the checkpoint from before still does. */
function goesBack(pod: Pod, { state, exitCode, endedBeforeDump }: ContainerObservation): boolean {
  if (pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === undefined) return false;
  if (state !== 'exited' || endedBeforeDump === true) return false;
  const policy = pod.spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** `emptyDir`s count too: they are saved when the processes are gone already, and nothing can be undone any more. */
export async function lackOfSpace(
  pod: Pod,
  present: PodObservation | undefined,
  storage: CheckpointStorage,
  { directory, volumeFolder }: Pick<DumperOptions, 'directory' | 'volumeFolder'>,
): Promise<string | undefined> {
  await storage.ensure(directory);
  const free = await storage.freeBytes(directory);
  if (free === undefined) return undefined;
  let needed = DISK_MARGIN_BYTES;
  for (const { memoryBytes } of present?.containers ?? []) needed += memoryBytes ?? 0;
  if (volumeFolder !== undefined) {
    for (const volume of emptyDirsOf(pod)) {
      needed += await storage.volumeBytes(volumeFolder(pod.metadata.uid, volume));
    }
  }
  if (free >= needed) return undefined;
  return `not enough disk: the dump needs about ${needed} bytes, ${directory} has ${free}; free some, or delete checkpoints no workload needs`;
}
