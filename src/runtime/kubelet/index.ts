export { HostProcesses } from './host-processes.ts';
export type { CheckpointAnswer, ContainerToCheckpoint, KubeletEndpoint } from './kubelet-endpoint.ts';
export { KubeletRuntime, type KubeletRuntimeOptions, type KubeletRuntimeParts } from './kubelet-runtime.ts';
export type { Returns } from './returns.ts';
export type { NodePodCheckpointOrder, UpstreamCheckpoints } from './upstream-checkpoints.ts';
export { UPSTREAM_RECORD, type UpstreamRecord } from './upstream-record.ts';
