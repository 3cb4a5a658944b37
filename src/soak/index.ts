export { FAULT_PROFILES, type FaultProfile, type FaultRates } from './fault-rates.ts';
export type * from './history.ts';
export { runSeed, type SeedResult, type SeedRun } from './run-seed.ts';
export { type ShrinkOptions, shrink } from './shrink.ts';
export { Story } from './story.ts';
export type { WorkerOrder, WorkerReport } from './worker.ts';
