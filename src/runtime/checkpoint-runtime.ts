import type { PodCheckpointer, PodRunner } from './runtime.ts';

/**
 * What the agent needs of a node, whoever makes its containers: to see, to dump, and to take away what a dump left behind. On
 * a node with a kubelet that is all there is; elsewhere it is a part of a `Runtime`.
 */
export type CheckpointRuntime = Pick<PodRunner, 'list' | 'changes' | 'removePod'> &
  Pick<PodCheckpointer, 'checkpointPod' | 'recoverDump'>;
