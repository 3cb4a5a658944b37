export { SandboxApiServer, type SandboxApiServerOptions } from './apiserver/sandbox-api-server.ts';
export { SqliteBacking } from './apiserver/sqlite-backing.ts';
export { writeAtomically } from './atomic-file.ts';
export { InvariantRecorder } from './invariants/recorder.ts';
export { findViolations, type HistoryEntry, type Violation } from './invariants/violations.ts';
export * from './node/index.ts';
export { claim, isAlive, refuseRunning, release, type Supervisor, supervisorOf } from './supervisor/claim.ts';
export { Sandbox, type SandboxParts } from './supervisor/sandbox.ts';
export {
  type SandboxConfiguration,
  SandboxDirectory,
  type SandboxNodeConfiguration,
  type SandboxTools,
  usesStores,
} from './supervisor/sandbox-directory.ts';
