export { DEMO_IMAGE } from './images.ts';
export { type ImportedDump, recordImportedDump } from './imported-dump.ts';
export type { PodmanTools } from './layout.ts';
export { PodmanRuntime, type PodmanRuntimeOptions } from './podman-runtime.ts';
export { PodmanService, type PodmanServiceOptions } from './service.ts';
