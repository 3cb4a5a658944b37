import type { Outcome, Segment, Window } from '../outcome.ts';
import type { TraceJob } from '../trace/trace-job.ts';

/** What processors were doing, in processors, mean over each of equal steps of the window. They add up to the capacity. */
export interface Series {
  readonly stepSeconds: number;
  readonly used: number[];
  /** Held by jobs that leave it unused. */
  readonly idle: number[];
  readonly overhead: number[];
  readonly lost: number[];
  readonly free: number[];
}

/** @param capacity processors in all */
export function seriesOf(
  { segments = [] }: Outcome,
  { jobs, window, capacity, steps }: { jobs: readonly TraceJob[]; window: Window; capacity: number; steps: number },
): Series {
  const stepSeconds = (window.toSeconds - window.fromSeconds) / steps;
  const empty = (): number[] => new Array<number>(steps).fill(0);
  const series = { used: empty(), idle: empty(), overhead: empty(), lost: empty() };
  const add = (into: number[], { fromSeconds, toSeconds }: Segment, processors: number): void => {
    const from = Math.max(0, (fromSeconds - window.fromSeconds) / stepSeconds);
    const to = Math.min(steps, (toSeconds - window.fromSeconds) / stepSeconds);
    for (let step = Math.floor(from); step < to; step++) {
      into[step] = (into[step] ?? 0) + (Math.min(to, step + 1) - Math.max(from, step)) * processors;
    }
  };
  for (const segment of segments) {
    const { use, job, processors } = segment;
    const share = segment.usedShare ?? jobs[job]?.usedShare ?? 1;
    if (use === 'lost') {
      // It was booked as computed before.
      add(series.lost, segment, processors);
      add(series.used, segment, -processors * share);
      add(series.idle, segment, -processors * (1 - share));
    } else if (use === 'compute') {
      add(series.used, segment, processors * share);
      add(series.idle, segment, processors * (1 - share));
    } else add(series.overhead, segment, processors);
  }
  const free = series.used.map((used, step) => {
    const { idle, overhead, lost } = series;
    const left = capacity - used - (overhead[step] ?? 0) - (lost[step] ?? 0);
    // What some hold and leave unused, opportunistic jobs may use.
    idle[step] = Math.max(0, Math.min(idle[step] ?? 0, left));
    return Math.max(0, left - (idle[step] ?? 0));
  });
  return { stepSeconds, ...series, free };
}
