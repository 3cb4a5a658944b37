import { join } from 'node:path';
import type { Pod, PodCheckpoint } from '../model/index.ts';

/** `<namespace>_<name>_<uid>`, the name cut so that the whole fits a file name. */
export function folderOf(checkpoint: PodCheckpoint): string {
  const { namespace = '', name, uid } = checkpoint.metadata;
  return `${namespace}_${name.slice(0, 120)}_${uid}`;
}

export function emptyDirsOf(pod: Pod): string[] {
  return (pod.spec.volumes ?? []).filter((volume) => volume.emptyDir !== undefined).map(({ name }) => name);
}

/** Where a node of a sandbox keeps an `emptyDir` volume of the pod. */
export function volumeFolder(podsDirectory: string, podUid: string, volume: string): string {
  return join(podsDirectory, podUid, 'volumes', volume);
}
