import type { Session } from '../trace/trace-job.ts';

/** A burst or a pause of a session, by its progress, seconds. */
interface Moment {
  readonly since: number;
  readonly until: number;
  readonly isBusy: boolean;
}

/** Seconds from a session's first burst to the same in the next round. */
export function roundOf({ bursts, burstSeconds, thinkSeconds, idleSeconds }: Session): number {
  return bursts * burstSeconds + (bursts - 1) * thinkSeconds + idleSeconds;
}

/** What the session does at this progress, seconds of its run time. */
function momentAt(session: Session, progress: number): Moment {
  const { bursts, burstSeconds, thinkSeconds, idleSeconds } = session;
  const round = roundOf(session);
  const start = Math.floor(progress / round) * round;
  const into = progress - start;
  const index = Math.min(bursts - 1, Math.floor(into / (burstSeconds + thinkSeconds)));
  const burst = start + index * (burstSeconds + thinkSeconds);
  const end = burst + burstSeconds;
  if (progress < end) return { since: burst, until: end, isBusy: true };
  return { since: end, until: end + (index === bursts - 1 ? idleSeconds : thinkSeconds), isBusy: false };
}

/** Progress at which its next burst begins; this one, while it is in one. */
export function nextBurst(session: Session, progress: number): number {
  const moment = momentAt(session, progress);
  return moment.isBusy ? progress : moment.until;
}

/** The first progress from this one on at which it has done nothing for so long; Infinity: no pause of it is as long. */
export function idleFor(session: Session, progress: number, seconds: number): number {
  if (Math.max(session.idleSeconds, session.bursts > 1 ? session.thinkSeconds : 0) <= seconds) return Infinity;
  for (let at = progress; ; ) {
    const { since, until, isBusy } = momentAt(session, at);
    if (!isBusy && until - since > seconds) return Math.max(progress, since + seconds);
    at = until;
  }
}

/** Seconds between two points of its progress in which it was busy. */
export function busySeconds(session: Session, from: number, to: number): number {
  const { bursts, burstSeconds } = session;
  const round = roundOf(session);
  const whole = Math.floor((to - from) / round);
  let busy = whole * bursts * burstSeconds;
  for (let at = from + whole * round; at < to; ) {
    const { until, isBusy } = momentAt(session, at);
    if (isBusy) busy += Math.min(until, to) - at;
    at = until;
  }
  return busy;
}
