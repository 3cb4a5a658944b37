export type { CheckpointRuntime } from './checkpoint-runtime.ts';
export { DEMO_DEFAULTS, DEMO_ENVIRONMENT, DEMO_PROGRAM, stepLine } from './demo-program.ts';
export * from './kubelet/index.ts';
export {
  DEMO_IMAGE,
  type ImportedDump,
  PodmanRuntime,
  type PodmanRuntimeOptions,
  PodmanService,
  type PodmanServiceOptions,
  type PodmanTools,
  recordImportedDump,
} from './podman/index.ts';
export type { DumpHindrance } from './probing/index.ts';
export type * from './runtime.ts';
export * from './simulated/index.ts';
