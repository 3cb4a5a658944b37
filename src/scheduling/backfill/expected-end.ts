import { parseWalltime, RAN_SECONDS_ANNOTATION, WALLTIME_ANNOTATION } from '../../model/index.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** Between the bind and the start of the walltime: image, network, restore. */
export const STARTUP_MS = 10_000;
/** How long an overdue pod is expected to go on at least. */
const OVERDUE_MS = 60_000;

/**
 * How long the pod will run at most, once started, ms: what its walltime leaves after earlier incarnations, or
 * `activeDeadlineSeconds`, whichever is less. Infinity: nobody said.
 */
export function durationOf(pod: PodInfo): number {
  const deadline = pod.pod.spec.activeDeadlineSeconds;
  const { [WALLTIME_ANNOTATION]: walltime, [RAN_SECONDS_ANNOTATION]: ran } = pod.pod.metadata.annotations ?? {};
  const left = walltime === undefined ? Infinity : millisecondsOf(walltime) - (Number(ran ?? 0) || 0) * 1_000;
  return Math.max(0, Math.min(deadline === undefined ? Infinity : deadline * 1_000, left));
}

/**
 * When a pod that has its room gives it back by itself, ms since the epoch. One that is overdue is expected to go on for as
 * long as it is overdue, but a minute at least: the longer it stays, the less its walltime is believed.
 * @param placedAt when it was given its room, where that is known; a pod that has not begun yet begins soon after
 */
export function expectedEndOf(pod: PodInfo, now: number, placedAt: number | undefined): number {
  const end = pod.endsAt ?? (pod.running ? Infinity : (placedAt ?? now) + STARTUP_MS + durationOf(pod));
  return end > now ? end : now + Math.max(OVERDUE_MS, now - end);
}

/** A walltime nobody can read says nothing. */
function millisecondsOf(walltime: string): number {
  try {
    return parseWalltime(walltime);
  } catch {
    return Infinity;
  }
}
