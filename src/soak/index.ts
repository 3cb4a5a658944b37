export type * from './history.ts';
