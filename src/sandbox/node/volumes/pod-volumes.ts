import type { Pod } from '../../../model/index.ts';
import type { VolumeFile } from './volume-files.ts';

/** Makes and removes the folders behind a pod's volumes. */
export interface PodVolumes {
  /**
   * Volume name → absolute folder or file on the host. `files` holds the content of the volumes made of API objects, by
   * volume name. Idempotent: what an `emptyDir` already holds stays. Throws `VolumeMissing`.
   */
  prepare(pod: Pod, files: ReadonlyMap<string, readonly VolumeFile[]>): Promise<Record<string, string>>;
  /** Removes everything that belongs to the pod alone; hostPaths stay. Idempotent. */
  remove(podUid: string): Promise<void>;
  /** UIDs of the pods that have folders here. */
  list(): Promise<string[]>;
}

/** Volumes that are only names: for a runtime without a file system (`simulated`), in virtual time. */
export class MemoryVolumes implements PodVolumes {
  readonly #pods = new Map<string, ReadonlyMap<string, readonly VolumeFile[]>>();

  async prepare(pod: Pod, files: ReadonlyMap<string, readonly VolumeFile[]>): Promise<Record<string, string>> {
    this.#pods.set(pod.metadata.uid, files);
    return Object.fromEntries(
      (pod.spec.volumes ?? []).map((volume) => [
        volume.name,
        volume.hostPath?.path ?? `/pods/${pod.metadata.uid}/volumes/${volume.name}`,
      ]),
    );
  }

  async remove(podUid: string): Promise<void> {
    this.#pods.delete(podUid);
  }

  async list(): Promise<string[]> {
    return [...this.#pods.keys()];
  }

  /** The file as the pod would read it. */
  read(podUid: string, volume: string, path: string): VolumeFile | undefined {
    return this.#pods
      .get(podUid)
      ?.get(volume)
      ?.find((file) => file.path === path);
  }
}
