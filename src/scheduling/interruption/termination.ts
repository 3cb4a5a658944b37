import { RESTART_SECONDS } from '../constants.ts';

/**
 * Node-seconds that termination loses: progress since it was last saved, and the way back to where work begins.
 * @param share dominant share of the node; Infinity where termination is not permitted
 * @param savedAt when progress was last saved, or began, ms since the epoch
 */
export function terminationCost(share: number, savedAt: number, now: number): number {
  return (Math.max(0, (now - savedAt) / 1000) + RESTART_SECONDS) * share;
}
