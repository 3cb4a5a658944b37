/** For tests only: the world and its judge, without the command around them. */
export { type FaultRates, faultRates } from './fault-rates.ts';
export type { HistoryListener, Violation } from './history.ts';
export { ProcessKilled } from './incarnation.ts';
export { Judge } from './judge/judge.ts';
export { World } from './world.ts';
