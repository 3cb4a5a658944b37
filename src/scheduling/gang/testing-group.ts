import type { PodGroup } from '../../model/index.ts';
import type { ClusterEvent } from '../contract.ts';
import { at } from '../testing.ts';

/** The PodGroup comes, or changes. */
export function groupIs(name: string, minMember: number, scheduleTimeoutSeconds?: number): ClusterEvent {
  const object: PodGroup = {
    apiVersion: 'scheduling.x-k8s.io/v1alpha1',
    kind: 'PodGroup',
    metadata: { name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: at(0) },
    spec: { minMember, ...(scheduleTimeoutSeconds === undefined ? {} : { scheduleTimeoutSeconds }) },
  };
  return { type: 'ObjectChanged', object };
}
