import type { Static } from 'typebox';
import type { KubeObject, ResourceType } from './meta.ts';
import type { PodGroupSpecSchema } from './schemas/pod-group.ts';

export type PodGroupSpec = Static<typeof PodGroupSpecSchema>;

/** Pods that are started together or not at all (kubernetes-sigs/scheduler-plugins, coscheduling). */
export interface PodGroup extends KubeObject {
  spec: PodGroupSpec;
  status?: Record<string, unknown>;
}

export const POD_GROUPS: ResourceType<PodGroup> = {
  group: 'scheduling.x-k8s.io',
  version: 'v1alpha1',
  kind: 'PodGroup',
  plural: 'podgroups',
  singular: 'podgroup',
  shortNames: ['pg', 'pgs'],
  namespaced: true,
};

/** On a pod: name of its PodGroup (same namespace). */
export const POD_GROUP_LABEL = 'scheduling.x-k8s.io/pod-group';

/** `namespace/name` of the PodGroup the pod says it belongs to. */
export function podGroupOf(pod: {
  metadata: Pick<KubeObject['metadata'], 'namespace' | 'labels'>;
}): string | undefined {
  const name = pod.metadata.labels?.[POD_GROUP_LABEL];
  return name === undefined || name === '' ? undefined : `${pod.metadata.namespace ?? 'default'}/${name}`;
}
