import type { TraceJob } from '../trace/trace-job.ts';

const DAY_SECONDS = 86_400;
/** Services are busiest at 15 o'clock, and then use so much more than on average (and at 3 so much less). */
const DIURNAL_SWING = 0.6;
const PEAK_SECONDS = 15 * 3_600;
/** A session bursts once in this time, and idles or thinks for the rest of it. */
const BURST_PERIOD_SECONDS = 1_800;

/**
 * The most of its processors the job used in the `seconds` before `now`, as a share: over whole days, and over whole periods of
 * bursts, the mean of what it uses is its `usedShare`.
 */
export function peakUse({ useCurve, usedShare = 1, submitSeconds }: TraceJob, now: number, seconds: number): number {
  if (useCurve === 'diurnal') {
    const angle = (2 * Math.PI * (now - PEAK_SECONDS)) / DAY_SECONDS;
    return Math.min(1, usedShare * (1 + DIURNAL_SWING * Math.cos(angle)));
  }
  if (useCurve === 'bursts') {
    const into = (now - submitSeconds) % BURST_PERIOD_SECONDS;
    const burst = usedShare * BURST_PERIOD_SECONDS;
    return into < burst + seconds ? 1 : 0;
  }
  return usedShare;
}
