import type { Static } from 'typebox';
import type { LabelSelector } from './label-selector.ts';
import type { KubeObject, ResourceType } from './meta.ts';
import type { PodCheckpoint } from './podcheckpoint.ts';
import type {
  GroupDecisionSchema,
  GroupMemberSchema,
  GroupRestorationSchema,
  PodGroupCheckpointSpecSchema,
  PodGroupCheckpointStatusSchema,
} from './schemas/pod-group-checkpoint.ts';

export type PodGroupCheckpointSpec = Omit<Static<typeof PodGroupCheckpointSpecSchema>, 'selector'> & {
  selector: LabelSelector;
};
export type PodGroupCheckpointStatus = Static<typeof PodGroupCheckpointStatusSchema>;
export type GroupMember = Static<typeof GroupMemberSchema>;
export type GroupDecision = Static<typeof GroupDecisionSchema>;
export type GroupRestoration = Static<typeof GroupRestorationSchema>;

export interface PodGroupCheckpoint extends KubeObject {
  spec: PodGroupCheckpointSpec;
  status?: PodGroupCheckpointStatus;
}

export const POD_GROUP_CHECKPOINTS: ResourceType<PodGroupCheckpoint> = {
  group: 'fermata.dev',
  version: 'v1alpha1',
  kind: 'PodGroupCheckpoint',
  plural: 'podgroupcheckpoints',
  singular: 'podgroupcheckpoint',
  shortNames: ['pgcp'],
  namespaced: true,
};

/** Condition of a PodCheckpoint in a group: its images are verified and its processes stand still until the group is decided. */
export const PREPARED_CONDITION = 'Prepared';

/** Whether the checkpoint was made for just this group, and not for an earlier one of the same name. */
export function isMemberOf(checkpoint: PodCheckpoint, group: PodGroupCheckpoint): boolean {
  const owners = checkpoint.metadata.ownerReferences ?? [];
  return (
    checkpoint.metadata.namespace === group.metadata.namespace &&
    checkpoint.spec.group === group.metadata.name &&
    owners.some((owner) => owner.uid === group.metadata.uid)
  );
}

/** Which try of the group's restore is under way. */
export function restoreRoundOf({ status }: PodGroupCheckpoint): number {
  return status?.restoration?.round ?? 1;
}
