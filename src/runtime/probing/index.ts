export type { DumpHindrance } from './dump-hindrance.ts';
export { dumpHindrances } from './dump-hindrances.ts';
