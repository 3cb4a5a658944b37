/** What tests of other rooms take from here. */
export { type RuntimeBed, runtimeCompliance } from './compliance/index.ts';
export { holdHook } from './kubelet/hold-hook.ts';
export { Holds } from './kubelet/holds.ts';
export { HostProcesses } from './kubelet/host-processes.ts';
export { Returns } from './kubelet/returns.ts';
export { unlockTcp } from './kubelet/tcp-lock.ts';
