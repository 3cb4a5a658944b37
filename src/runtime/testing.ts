/** What tests of other rooms take from here. */
export { type RuntimeBed, runtimeCompliance } from './compliance/index.ts';
