import type { Condition, KubeObject, ResourceType } from './meta.ts';

/** KEP-5823, in its alpha: a checkpoint that the kubelet itself makes of a pod, as far as this project reads it. Spec is immutable. */
export interface NodePodCheckpoint extends KubeObject {
  spec: {
    /** With `uid`, another pod of that name is refused (`SourcePodReplaced`). */
    sourcePod?: { name: string; uid?: string };
    /** 1 to 3600; above the kubelet's `podCheckpointTimeout` (15 unless set) that one holds. */
    timeoutSeconds?: number;
  };
  /** Written by the kubelet alone. */
  status?: {
    nodeName?: string;
    sourcePodUID?: string;
    /** `path` is relative to the kubelet's folder of checkpoints. Other types may come. */
    checkpointLocation?: { type: string; nodeLocal?: { path: string } };
    completionTime?: string;
    /** What a pod that is restored from it must equal, images as digests. */
    checkpointedPodTemplate?: { metadata?: object; spec?: object };
    checkpointedContainers?: { name: string }[];
    /** `Ready`: Pending, CheckpointInProgress, CheckpointCompleted (True), CheckpointFailed, SourcePodReplaced. */
    conditions?: Condition[];
  };
}

export const NODE_POD_CHECKPOINTS: ResourceType<NodePodCheckpoint> = {
  group: 'node.k8s.io',
  version: 'v1alpha1',
  kind: 'PodCheckpoint',
  plural: 'podcheckpoints',
  singular: 'podcheckpoint',
  shortNames: [],
  namespaced: true,
};
