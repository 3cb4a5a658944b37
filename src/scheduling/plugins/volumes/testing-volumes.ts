import type {
  CSINode,
  KubeObject,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from '../../../model/index.ts';
import type { ClusterEvent } from '../../contract.ts';
import { at, type PodBuilder, pod } from '../../testing.ts';

/** Claims, volumes and classes in few words, for tests. */
const meta = (name: string, namespace?: string) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: at(0),
  ...(namespace === undefined ? {} : { namespace }),
});

export const changed = (object: KubeObject): ClusterEvent => ({ type: 'ObjectChanged', object });

/** A pod that mounts these claims. */
export const mounting = (name: string, ...claims: string[]): PodBuilder =>
  pod(name).spec({
    volumes: claims.map((claimName, index) => ({ name: `v${index}`, persistentVolumeClaim: { claimName } })),
  });

type ClaimSpec = NonNullable<PersistentVolumeClaim['spec']>;

export function claim(name: string, spec: ClaimSpec & { size?: string } = {}): PersistentVolumeClaim {
  const { size = '1Gi', ...rest } = spec;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: meta(name, 'default'),
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: size } }, ...rest },
    status: { phase: 'Pending' },
  };
}

/** The claim as it is once the volume controller has bound it. */
export function bound(name: string, volumeName: string, spec: ClaimSpec = {}): PersistentVolumeClaim {
  const made = claim(name, { ...spec, volumeName });
  made.metadata.annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
  made.status = { phase: 'Bound' };
  return made;
}

type VolumeSpec = NonNullable<PersistentVolume['spec']>;

export function volume(
  name: string,
  { size = '1Gi', labels, ...spec }: VolumeSpec & { size?: string; labels?: Record<string, string> } = {},
): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { ...meta(name), ...(labels === undefined ? {} : { labels }) },
    spec: { capacity: { storage: size }, accessModes: ['ReadWriteOnce'], storageClassName: 'local', ...spec },
    status: { phase: spec.claimRef === undefined ? 'Available' : 'Bound' },
  };
}

/** Node affinity of a volume that only nodes of one zone can use. */
export const usableIn = (zone: string): VolumeSpec => ({
  nodeAffinity: {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] }] },
  },
});

export function storageClass(name: string, more: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: meta(name),
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
    ...more,
  };
}

export function csiNode(name: string, count: number | undefined, driver = 'disk.example'): CSINode {
  const allocatable = count === undefined ? {} : { allocatable: { count } };
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: meta(name),
    spec: { drivers: [{ name: driver, nodeID: name, ...allocatable }] },
  };
}

export const csi = (volumeHandle: string, driver = 'disk.example'): VolumeSpec => ({ csi: { driver, volumeHandle } });
