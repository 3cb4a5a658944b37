export type { RuntimeBed } from './bed.ts';
export { runtimeCompliance } from './suite.ts';
