import type { ObjectMeta, OwnerReference } from '../../model/index.ts';

/** What a pod, a pod about to be created and a recorded template have in common. */
export type PodMetadata = Pick<Partial<ObjectMeta>, 'name' | 'annotations' | 'labels' | 'ownerReferences'>;

/** Set by the Job controller on the pods of an Indexed Job (KEP-2214). */
const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';

/** Controllers that make another pod, of another name or the same one, as soon as one of theirs is gone. */
const REPLACING: ReadonlySet<string> = new Set([
  'batch/Job',
  'apps/StatefulSet',
  'apps/ReplicaSet',
  '/ReplicationController',
]);

export function controllerOf(metadata: PodMetadata): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** The controller that makes the pod's replacement; undefined: nobody does, or it is not known of its kind. */
export function replacingController(metadata: PodMetadata): OwnerReference | undefined {
  const owner = controllerOf(metadata);
  return owner !== undefined && REPLACING.has(`${groupOf(owner)}/${owner.kind}`) ? owner : undefined;
}

/**
 * The place that a pod fills, whichever pod fills it: the index of an Indexed Job, the ordinal of a StatefulSet, any place of a
 * Job or ReplicaSet (their pods are interchangeable), the name where nobody or somebody unknown makes the pod. Two pods of one
 * namespace with the same slot are incarnations of one workload, or of workloads that nobody can tell apart.
 */
export function slotOf(metadata: PodMetadata): string {
  const owner = controllerOf(metadata);
  const index = metadata.annotations?.[COMPLETION_INDEX];
  switch (replacingController(metadata)?.kind) {
    case 'Job':
      return index === undefined ? `${owner?.uid}` : `${owner?.uid}#${index}`;
    case 'ReplicaSet':
    case 'ReplicationController':
      return `${owner?.uid}`;
    default:
      return `${owner?.uid ?? ''}/${metadata.name ?? ''}`;
  }
}

function groupOf({ apiVersion }: OwnerReference): string {
  return apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
}
