export { Coordinator, type CoordinatorOptions, type CoordinatorStatus } from './coordinator.ts';
export { DEFAULT_ADDRESS, DEFAULT_PORT, DEFAULT_WAIT_MILLISECONDS } from './defaults.ts';
export { HOOK_PATH } from './hook-path.ts';
export { ImageFolder, type ImageStore, type ImageStream, type WholeStream } from './image-folder.ts';
export { ACK } from './protocol.ts';
export { CoordinationRelay, type RelayOptions } from './relay.ts';
export { CoordinationServer, type CoordinationServerOptions } from './server.ts';
export { type CoordinationState, MemoryState, SqliteState } from './state.ts';
export { issueToken } from './tokens.ts';
