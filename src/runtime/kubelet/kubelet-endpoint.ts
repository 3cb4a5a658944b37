/** One container, as the kubelet's checkpoint endpoint names it (KEP-2008). */
export interface ContainerToCheckpoint {
  namespace: string;
  pod: string;
  container: string;
  timeoutSeconds: number;
}

/** `paths`: the archives it wrote, as the node sees them. Else what it answered instead: HTTP status and its own words. */
export type CheckpointAnswer = { paths: string[] } | { status: number; message: string };

/** `POST /checkpoint/NAMESPACE/POD/CONTAINER` of one node's kubelet, asked directly or through the API server. */
export interface KubeletEndpoint {
  /** Rejects when no answer came, and with the signal's reason; whether the kubelet goes on with the dump is then open. */
  checkpoint(container: ContainerToCheckpoint, signal: AbortSignal): Promise<CheckpointAnswer>;
}
