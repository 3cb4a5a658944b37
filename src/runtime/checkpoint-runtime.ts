import type { DumpForecaster, PodCheckpointer, PodFreezer, PodRunner } from './runtime.ts';

/**
 * What the agent needs of a node, whoever makes its containers: to see, to dump, and `removePod` for a pod that a failed
 * checkpoint left frozen. Who makes the containers removes it, to be started anew; where a kubelet does, it goes on. On a node with
 * a kubelet that is all there is; elsewhere it is a part of a `Runtime`.
 */
export type CheckpointRuntime = Pick<PodRunner, 'list' | 'changes' | 'removePod'> &
  Pick<PodCheckpointer, 'checkpointPod' | 'recoverDump' | 'discardDump'> &
  Partial<PodFreezer> &
  Partial<DumpForecaster>;
