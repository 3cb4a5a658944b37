import type { Static } from 'typebox';
import type { KubeObject, ResourceType } from './meta.ts';
import type {
  CheckpointedContainerSchema,
  PodCheckpointSpecSchema,
  PodCheckpointStatusSchema,
} from './schemas/pod-checkpoint.ts';

export type PodCheckpointSpec = Static<typeof PodCheckpointSpecSchema>;
export type PodCheckpointStatus = Static<typeof PodCheckpointStatusSchema>;
export type CheckpointedContainer = Static<typeof CheckpointedContainerSchema>;

export interface PodCheckpoint extends KubeObject {
  spec: PodCheckpointSpec;
  status?: PodCheckpointStatus;
}

export const POD_CHECKPOINTS: ResourceType<PodCheckpoint> = {
  group: 'fermata.dev',
  version: 'v1alpha1',
  kind: 'PodCheckpoint',
  plural: 'podcheckpoints',
  singular: 'podcheckpoint',
  shortNames: ['pcp'],
  namespaced: true,
};
