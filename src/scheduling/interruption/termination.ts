import { RESTART_SECONDS } from '../constants.ts';

/** Node-seconds that termination loses: progress since it was last saved, and the way back to where work begins. */
export function terminationCost({ share, savedAt }: { share: number; savedAt: number }, now: number): number {
  return (Math.max(0, (now - savedAt) / 1000) + RESTART_SECONDS) * share;
}
