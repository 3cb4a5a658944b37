import type { TrafficSeries } from './traffic.ts';

/** The span over which shares are reckoned, seconds of the trace's time. */
export interface Window {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** What held processors were held for. */
export type Use =
  /** Computing; some of it may turn out lost. */
  | 'compute'
  /** Frozen while a dump is written. */
  | 'dump'
  /** Bound, while the state is fetched and restored. */
  | 'restore'
  /** Bound, while other pods of the same job still wait for room. */
  | 'gangWait'
  /** Starting anew after it was killed. */
  | 'restart';

/** Why computed work was thrown away. */
export type LossCause = 'preemption' | 'failure' | 'drain';

/** Processor-seconds by what they went into: those inside the window, and all. */
export interface Amount {
  inWindow: number;
  all: number;
}

/** Everything one policy did with one trace, as far as the metrics need it. */
export interface Outcome {
  /** By index of the job: first start; NaN while it waits. */
  readonly startSeconds: Float64Array;
  /** End; NaN: still running or waiting when the simulation ended. */
  readonly endSeconds: Float64Array;
  /** Indices of jobs the policy or the world refused, with the reason. */
  readonly rejected: ReadonlyMap<number, string>;
  /** Held processor-seconds. */
  readonly uses: Readonly<Record<Use, Amount>>;
  /** Of the computed ones: thrown away. */
  readonly lost: Readonly<Record<LossCause, Amount>>;
  /** Held × the share that is used. */
  readonly used: Amount;
  /** Of what was held: by jobs that had it from others, who hold it as well. */
  readonly guests: Amount;
  /** Not held: what sessions gave back while they slept, idle. */
  readonly slept: Amount;
  /** Times a session was checkpointed because it was idle. */
  readonly sleeps: number;
  /** From a session's burst to it being awake, of each waking. */
  readonly wakeSeconds: readonly number[];
  /** Times a job was killed, by why. */
  readonly kills: Readonly<Record<LossCause, number>>;
  readonly preemptions: number;
  /** Of preemptions and migrations: of who had computed for less than 10 minutes since it began or came back. */
  readonly thrash: number;
  readonly restores: number;
  readonly migrations: number;
  readonly dumpsFailed: number;
  readonly bytesWritten: number;
  readonly peakStoredBytes: number;
  readonly traffic: TrafficSeries;
  readonly nodeFailures: number;
  /** Times a node was drained. */
  readonly drains: number;
  /** Events of the simulation: submissions, starts, ends, dumps, restores, failures, wakeups. */
  readonly events: number;
  /** When each job's pieces ran, for the chart and the judge; absent unless asked for. */
  readonly segments?: readonly Segment[];
}

/** A stretch in which a job held processors. */
export interface Segment {
  readonly job: number;
  readonly use: Use | 'lost';
  readonly fromSeconds: number;
  readonly toSeconds: number;
  readonly processors: number;
  /** Index of the node, where there are nodes. */
  readonly node?: number;
  /** Share of the processors that was busy, where it is not the job's own mean. */
  readonly usedShare?: number;
}

/** First submit to last submit. */
export function submissionWindow(jobs: readonly { submitSeconds: number }[]): Window {
  return { fromSeconds: jobs[0]?.submitSeconds ?? 0, toSeconds: jobs.at(-1)?.submitSeconds ?? 0 };
}
