import type { NodePodCheckpoint } from '../../model/index.ts';

export interface NodePodCheckpointOrder {
  namespace: string;
  name: string;
  pod: { name: string; uid: string };
  timeoutSeconds: number;
}

/** The `PodCheckpoint`s that kubelets carry out themselves (`node.k8s.io`, KEP-5823), as the API server has them. */
export interface UpstreamCheckpoints {
  /** `Refused`: the server does not have the kind, or does not let the agent use it, or will not have it for this pod; why. */
  create(order: NodePodCheckpointOrder, signal: AbortSignal): Promise<{ refused: string } | undefined>;
  /** Undefined: there is none. */
  get(key: { namespace: string; name: string }, signal?: AbortSignal): Promise<NodePodCheckpoint | undefined>;
  /** Asks for its deletion; one that is not there is fine. */
  delete(key: { namespace: string; name: string }, signal?: AbortSignal): Promise<void>;
}
