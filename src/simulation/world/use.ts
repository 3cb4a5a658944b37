import type { TraceJob } from '../trace/trace-job.ts';
import { busySeconds } from './session.ts';

const DAY_SECONDS = 86_400;
/** Services are busiest at 15 o'clock, and then use so much more than on average (and at 3 so much less). */
const DIURNAL_SWING = 0.6;
const PEAK_SECONDS = 15 * 3_600;
/** The most of its processors the job used in the `seconds` before `now`, as a share; of services and others, the mean over a day is their `usedShare`. */
export function peakUse(
  { useCurve, usedShare = 1, session }: TraceJob,
  { now, doneSeconds }: { now: number; doneSeconds: number },
  seconds: number,
): number {
  if (useCurve === 'diurnal') {
    const angle = (2 * Math.PI * (now - PEAK_SECONDS)) / DAY_SECONDS;
    return Math.min(1, usedShare * (1 + DIURNAL_SWING * Math.cos(angle)));
  }
  if (session !== undefined) return busySeconds(session, Math.max(0, doneSeconds - seconds), doneSeconds) > 0 ? 1 : 0;
  return usedShare;
}

/** Mean share of its processors that the job keeps busy between two points of its progress. */
export function meanUse({ usedShare = 1, session }: TraceJob, fromDone: number, toDone: number): number {
  if (session === undefined || toDone <= fromDone) return usedShare;
  return busySeconds(session, fromDone, toDone) / (toDone - fromDone);
}
