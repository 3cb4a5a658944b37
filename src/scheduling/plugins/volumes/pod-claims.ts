import type { CSINode, PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../../model/index.ts';
import type { Rejection } from '../../framework/phases.ts';
import type { ClusterObjects } from '../../snapshot/cluster-objects.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';

/** A claim that a pod uses by name. */
export interface PodClaim {
  /** `namespace/name`. */
  readonly key: string;
  readonly name: string;
  /** Made for this pod alone (`volumes[].ephemeral`), and named after it. */
  readonly isEphemeral: boolean;
}

const NONE: readonly PodClaim[] = [];

export function claimsOf({ namespace, name, pod }: PodInfo): readonly PodClaim[] {
  const { volumes } = pod.spec;
  if (volumes === undefined || volumes.length === 0) return NONE;
  return volumes.flatMap(({ name: volume, persistentVolumeClaim, ephemeral }) => {
    const claim = persistentVolumeClaim?.claimName ?? (ephemeral === undefined ? undefined : `${name}-${volume}`);
    if (claim === undefined) return [];
    return [{ key: `${namespace}/${claim}`, name: claim, isEphemeral: persistentVolumeClaim === undefined }];
  });
}

/** Claims, volumes, classes and CSI nodes by name. */
export class VolumeObjects {
  readonly #objects: ClusterObjects;

  constructor(objects: ClusterObjects) {
    this.#objects = objects;
  }

  claim(key: string): PersistentVolumeClaim | undefined {
    return this.#objects.get<PersistentVolumeClaim>('PersistentVolumeClaim', key);
  }

  volume(name: string): PersistentVolume | undefined {
    return this.#objects.get<PersistentVolume>('PersistentVolume', name);
  }

  class(name: string): StorageClass | undefined {
    return this.#objects.get<StorageClass>('StorageClass', name);
  }

  csiNode(name: string): CSINode | undefined {
    return this.#objects.get<CSINode>('CSINode', name);
  }
}

/** The class a claim asks for; the annotation is older than the field and wins. Empty: none. */
export function classNameOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName ?? '';
}

/** Why no node can take the pod: nothing that happens to other pods could change it. */
export function hopeless(plugin: string, reason: string): Rejection {
  return { plugin, reasons: [reason], resolvable: false };
}

export const claimNotFound = (name: string): string => `persistentvolumeclaim "${name}" not found`;
export const volumeNotFound = (name: string): string => `persistentvolume "${name}" not found`;
export const classNotFound = (name: string): string => `storageclass.storage.k8s.io "${name}" not found`;

/** Whether the claim is the pod's own, as far as owners tell: somebody else's of the same name must not be mounted. */
export function isOwnedBy(claim: PersistentVolumeClaim, { metadata }: Pod): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    ({ uid, controller }) => controller === true && uid === metadata.uid,
  );
}
