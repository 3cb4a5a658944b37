export type { CheckpointAnswer, ContainerToCheckpoint, KubeletEndpoint } from './kubelet-endpoint.ts';
export { KubeletRuntime, type KubeletRuntimeOptions, type KubeletRuntimeParts } from './kubelet-runtime.ts';
export type { Returns } from './returns.ts';
