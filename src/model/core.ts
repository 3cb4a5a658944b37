import type * as apiextensions from 'kubernetes-types/apiextensions/v1.d.ts';
import type * as coordination from 'kubernetes-types/coordination/v1.d.ts';
import type * as core from 'kubernetes-types/core/v1.d.ts';
import type * as policy from 'kubernetes-types/policy/v1.d.ts';
import type * as scheduling from 'kubernetes-types/scheduling/v1.d.ts';
import type * as storage from 'kubernetes-types/storage/v1.d.ts';
import type { Condition, KubeObject, ResourceType } from './meta.ts';

/** The standard kinds Fermata works with: the upstream shapes, with metadata and conditions in this project's types. */
export type Container = core.Container;
/** `restoreFrom`: KEP-5823, where the server has it. */
export type PodSpec = Omit<core.PodSpec, 'volumes'> & { restoreFrom?: string; volumes?: Volume[] };
export type ContainerStatus = core.ContainerStatus;
export type ContainerState = core.ContainerState;
export type Toleration = core.Toleration;
export type Taint = core.Taint;
/** `image`: KEP-4639, on since 1.35. */
export type Volume = core.Volume & { image?: { reference?: string } };

export interface PodStatus extends Omit<core.PodStatus, 'conditions' | 'phase'> {
  phase?: PodPhase;
  conditions?: Condition[];
}
export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';

export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: PodStatus;
}

export interface NodeStatus extends Omit<core.NodeStatus, 'conditions'> {
  conditions?: Condition[];
}

export interface Node extends KubeObject {
  spec?: core.NodeSpec;
  status?: NodeStatus;
}

export interface PriorityClass extends KubeObject, Omit<scheduling.PriorityClass, keyof KubeObject> {}
export interface Namespace extends KubeObject, Omit<core.Namespace, keyof KubeObject> {}
export interface ConfigMap extends KubeObject, Omit<core.ConfigMap, keyof KubeObject> {}
export interface Secret extends KubeObject, Omit<core.Secret, keyof KubeObject> {}
export interface ServiceAccount extends KubeObject, Omit<core.ServiceAccount, keyof KubeObject> {}
export interface KubeEvent extends KubeObject, Omit<core.Event, keyof KubeObject> {}
export interface Lease extends KubeObject, Omit<coordination.Lease, keyof KubeObject> {}
export interface PodDisruptionBudget extends KubeObject {
  spec?: policy.PodDisruptionBudgetSpec;
  status?: Omit<policy.PodDisruptionBudgetStatus, 'conditions'> & { conditions?: Condition[] };
}
/** Kinds the scheduler only reads, beside binding claims and volumes. */
export interface PersistentVolume extends KubeObject, Omit<core.PersistentVolume, keyof KubeObject> {}
export interface PersistentVolumeClaim extends KubeObject {
  spec?: core.PersistentVolumeClaimSpec;
  status?: Omit<core.PersistentVolumeClaimStatus, 'conditions'>;
}
export interface StorageClass extends KubeObject, Omit<storage.StorageClass, keyof KubeObject> {}
export interface CSIDriver extends KubeObject, Omit<storage.CSIDriver, keyof KubeObject> {}
export interface CSIStorageCapacity extends KubeObject, Omit<storage.CSIStorageCapacity, keyof KubeObject> {}
export interface CSINode extends KubeObject, Omit<storage.CSINode, keyof KubeObject> {}
export interface CustomResourceDefinition extends KubeObject {
  spec: apiextensions.CustomResourceDefinitionSpec;
  status?: Partial<apiextensions.CustomResourceDefinitionStatus>;
}

function type<T extends KubeObject>(
  group: string,
  version: string,
  kind: string,
  plural: string,
  shortNames: readonly string[],
  namespaced: boolean,
): ResourceType<T> {
  return { group, version, kind, plural, singular: kind.toLowerCase(), shortNames, namespaced };
}

export const PODS = type<Pod>('', 'v1', 'Pod', 'pods', ['po'], true);
export const NODES = type<Node>('', 'v1', 'Node', 'nodes', ['no'], false);
export const NAMESPACES = type<Namespace>('', 'v1', 'Namespace', 'namespaces', ['ns'], false);
export const CONFIG_MAPS = type<ConfigMap>('', 'v1', 'ConfigMap', 'configmaps', ['cm'], true);
export const SECRETS = type<Secret>('', 'v1', 'Secret', 'secrets', [], true);
export const SERVICE_ACCOUNTS = type<ServiceAccount>('', 'v1', 'ServiceAccount', 'serviceaccounts', ['sa'], true);
export const EVENTS = type<KubeEvent>('', 'v1', 'Event', 'events', ['ev'], true);
export const LEASES = type<Lease>('coordination.k8s.io', 'v1', 'Lease', 'leases', [], true);
export const PRIORITY_CLASSES = type<PriorityClass>(
  'scheduling.k8s.io',
  'v1',
  'PriorityClass',
  'priorityclasses',
  ['pc'],
  false,
);
export const POD_DISRUPTION_BUDGETS = type<PodDisruptionBudget>(
  'policy',
  'v1',
  'PodDisruptionBudget',
  'poddisruptionbudgets',
  ['pdb'],
  true,
);
export const PERSISTENT_VOLUMES = type<PersistentVolume>(
  '',
  'v1',
  'PersistentVolume',
  'persistentvolumes',
  ['pv'],
  false,
);
export const PERSISTENT_VOLUME_CLAIMS = type<PersistentVolumeClaim>(
  '',
  'v1',
  'PersistentVolumeClaim',
  'persistentvolumeclaims',
  ['pvc'],
  true,
);
export const STORAGE_CLASSES = type<StorageClass>(
  'storage.k8s.io',
  'v1',
  'StorageClass',
  'storageclasses',
  ['sc'],
  false,
);
export const CSI_NODES = type<CSINode>('storage.k8s.io', 'v1', 'CSINode', 'csinodes', [], false);
export const CSI_DRIVERS = type<CSIDriver>('storage.k8s.io', 'v1', 'CSIDriver', 'csidrivers', [], false);
export const CSI_STORAGE_CAPACITIES = type<CSIStorageCapacity>(
  'storage.k8s.io',
  'v1',
  'CSIStorageCapacity',
  'csistoragecapacities',
  [],
  true,
);
/** Of these the scheduler reads only `spec.selector`: pods of one of them are spread by default. */
export const SERVICES = type<KubeObject>('', 'v1', 'Service', 'services', ['svc'], true);
export const REPLICATION_CONTROLLERS = type<KubeObject>(
  '',
  'v1',
  'ReplicationController',
  'replicationcontrollers',
  ['rc'],
  true,
);
export const REPLICA_SETS = type<KubeObject>('apps', 'v1', 'ReplicaSet', 'replicasets', ['rs'], true);
export const STATEFUL_SETS = type<KubeObject>('apps', 'v1', 'StatefulSet', 'statefulsets', ['sts'], true);
export const JOBS = type<KubeObject>('batch', 'v1', 'Job', 'jobs', [], true);
export const MUTATING_WEBHOOK_CONFIGURATIONS = type<KubeObject>(
  'admissionregistration.k8s.io',
  'v1',
  'MutatingWebhookConfiguration',
  'mutatingwebhookconfigurations',
  [],
  false,
);
export const CUSTOM_RESOURCE_DEFINITIONS = type<CustomResourceDefinition>(
  'apiextensions.k8s.io',
  'v1',
  'CustomResourceDefinition',
  'customresourcedefinitions',
  ['crd', 'crds'],
  false,
);
