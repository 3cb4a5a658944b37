export type { CheckpointSource, OpenCheckpoint } from './checkpoint-source.ts';
export { LogServer } from './log-server.ts';
export type { NodeHealth, NodeSystem } from './node-object.ts';
export { measurePressure } from './node-system.ts';
export { SandboxNode, type SandboxNodeOptions, type SandboxNodeParts } from './sandbox-node.ts';
export { DiskVolumes } from './volumes/disk-volumes.ts';
export { MemoryVolumes, type PodVolumes } from './volumes/pod-volumes.ts';
