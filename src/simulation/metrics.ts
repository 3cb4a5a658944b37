import type { Amount, Outcome, Window } from './outcome.ts';
import { readyTimes } from './precedence.ts';
import type { TraceJob } from './trace/trace-job.ts';
import type { TrafficSeries } from './traffic.ts';

/** Run times below count as this in slowdowns (Feitelson et al. 1997), seconds. */
const SLOWDOWN_BOUND_SECONDS = 10;
/** Jobs of this priority and above are the urgent ones of a report. */
const URGENT_PRIORITY = 300;
const JOULES_PER_KILOWATT_HOUR = 3_600_000;

export interface Distribution {
  mean: number;
  p50: number;
  p95: number;
  p99: number;
}

/** What a policy made of a trace. Shares are of capacity × window; times in seconds; lost and overhead as shares, too. */
export interface Metrics {
  policy: string;
  /** Jobs of the trace that were usable. */
  jobs: number;
  /** Lines of the trace that became no job, and jobs that the world or the policy refused. */
  rejected: number;
  windowSeconds: number;
  utilizationAllocated: number;
  /** Held by opportunistic jobs, out of what others hold and do not use, or nobody holds. */
  utilizationOpportunistic: number;
  utilizationUsed: number;
  /** Held by jobs that computed and left it unused. */
  heldIdle: number;
  /** Allocated and opportunistic − lost − overhead. */
  goodput: number;
  lostWork: number;
  overhead: number;
  waitSeconds: Distribution;
  boundedSlowdown: { mean: number };
  preemptions: number;
  restores: number;
  migrations: number;
  /** Preemptions and migrations of who had computed for less than 10 minutes since it began or came back. */
  thrash: number;
  /** Jobs that were killed, by why. */
  killed: { preemption: number; failure: number; drain: number };
  /** Times a session was checkpointed because it was idle. */
  idleSuspensions: number;
  /** From a suspended session's burst to it running again; null: none was woken. */
  wakeSeconds: Distribution | null;
  /** The simulator's own speed, by the clock on the wall: the one number that differs between two equal runs. */
  eventsPerSecond: number;
  seed: number;
  window: { fromSeconds: number; toSeconds: number; firstSubmitSeconds: number; lastSubmitSeconds: number };
  capacityProcessors: number;
  /** Work offered ÷ capacity × (first submit → last submit). */
  offeredLoad: number;
  completed: number;
  /** Neither ended nor rejected when the simulation ended. */
  unfinished: number;
  makespanSeconds: number;
  turnaroundSeconds: Distribution;
  /** Σ processors × run × turnaround ÷ Σ processors × run. */
  areaWeightedResponseSeconds: number;
  /** Of jobs of priority 300 and above; null: there are none. */
  urgentWaitSeconds: Distribution | null;
  lostWorkCauses: { preemption: number; failure: number; drain: number };
  overheadCauses: { dump: number; restore: number; gangWait: number; restart: number };
  /** Lost ÷ useful work, over all time: the figure papers print. */
  lostOfUseful: number;
  overheadOfUseful: number;
  bytesWritten: number;
  peakStoredBytes: number;
  /** Bytes a second, mean over each of 48 equal steps of the window. */
  traffic: TrafficSeries;
  dumpsFailed: number;
  nodeFailures: number;
  drains: number;
  /** Jobs with a deadline, and how many of them had not ended by then. */
  deadlines: number;
  deadlineMisses: number;
  /** Over the window, with all nodes switched on: the rest that idle nodes draw, and more by the share that is used. Null: no watts given. */
  energyKilowattHours: number | null;
  /** Standard deviation over users of their mean bounded slowdown ÷ the mean of all users; 0: all alike. */
  unfairness: number;
}

export interface MeasureInput {
  readonly policy: string;
  readonly jobs: readonly TraceJob[];
  readonly outcome: Outcome;
  readonly window: Window;
  /** What the world has in all. */
  readonly capacityProcessors: number;
  /** What all nodes together draw while nothing and while everything of them is used; absent: not known. */
  readonly watts?: { readonly idle: number; readonly busy: number };
  readonly rejectedLines: number;
  readonly seed: number;
  /** How long the simulation took, by whoever may read a clock. */
  readonly elapsedSeconds: number;
}

export function measure(input: MeasureInput): Metrics {
  const { policy, jobs, outcome, window, capacityProcessors, seed } = input;
  const windowSeconds = window.toSeconds - window.fromSeconds;
  const area = capacityProcessors * windowSeconds;
  const share = (amount: number): number => (area > 0 ? amount / area : 0);
  const { uses, lost } = outcome;
  const overhead = sum([uses.dump, uses.restore, uses.gangWait, uses.restart]);
  const lostAll = sum(Object.values(lost));
  const allocated = uses.compute.inWindow + overhead.inWindow;
  const useful = uses.compute.all - lostAll.all;
  const times = timesOf(jobs, outcome);
  const firstSubmitSeconds = jobs[0]?.submitSeconds ?? 0;
  const lastSubmitSeconds = jobs.at(-1)?.submitSeconds ?? 0;
  const offered = jobs.reduce((total, job) => total + job.processors * job.runSeconds, 0);
  const offeredArea = capacityProcessors * (lastSubmitSeconds - firstSubmitSeconds);
  return {
    policy,
    jobs: jobs.length,
    rejected: input.rejectedLines + outcome.rejected.size,
    windowSeconds,
    utilizationAllocated: share(allocated - outcome.guests.inWindow),
    utilizationOpportunistic: share(outcome.guests.inWindow),
    utilizationUsed: share(outcome.used.inWindow),
    heldIdle: share(uses.compute.inWindow - outcome.used.inWindow),
    goodput: share(allocated - lostAll.inWindow - overhead.inWindow),
    lostWork: share(lostAll.inWindow),
    overhead: share(overhead.inWindow),
    waitSeconds: distribution(times.waits),
    boundedSlowdown: { mean: mean(times.slowdowns) },
    preemptions: outcome.preemptions,
    restores: outcome.restores,
    migrations: outcome.migrations,
    thrash: outcome.thrash,
    killed: outcome.kills,
    idleSuspensions: outcome.sleeps,
    wakeSeconds: outcome.wakeSeconds.length === 0 ? null : distribution(outcome.wakeSeconds),
    eventsPerSecond: input.elapsedSeconds > 0 ? Math.round(outcome.events / input.elapsedSeconds) : 0,
    seed,
    window: { ...window, firstSubmitSeconds, lastSubmitSeconds },
    capacityProcessors,
    offeredLoad: offeredArea > 0 ? offered / offeredArea : 0,
    completed: times.completed,
    unfinished: jobs.length - times.completed - outcome.rejected.size,
    makespanSeconds: Math.max(0, times.lastEnd - firstSubmitSeconds),
    turnaroundSeconds: distribution(times.turnarounds),
    areaWeightedResponseSeconds: times.work > 0 ? times.weightedResponse / times.work : 0,
    urgentWaitSeconds: times.urgentWaits.length === 0 ? null : distribution(times.urgentWaits),
    lostWorkCauses: {
      preemption: share(lost.preemption.inWindow),
      failure: share(lost.failure.inWindow),
      drain: share(lost.drain.inWindow),
    },
    overheadCauses: {
      dump: share(uses.dump.inWindow),
      restore: share(uses.restore.inWindow),
      gangWait: share(uses.gangWait.inWindow),
      restart: share(uses.restart.inWindow),
    },
    lostOfUseful: useful > 0 ? lostAll.all / useful : 0,
    overheadOfUseful: useful > 0 ? overhead.all / useful : 0,
    bytesWritten: outcome.bytesWritten,
    peakStoredBytes: outcome.peakStoredBytes,
    traffic: outcome.traffic,
    dumpsFailed: outcome.dumpsFailed,
    nodeFailures: outcome.nodeFailures,
    drains: outcome.drains,
    ...deadlinesOf(jobs, outcome),
    energyKilowattHours:
      input.watts === undefined
        ? null
        : (windowSeconds * (input.watts.idle + (input.watts.busy - input.watts.idle) * share(outcome.used.inWindow))) /
          JOULES_PER_KILOWATT_HOUR,
    unfairness: unfairness(times.slowdownsByUser),
  };
}

interface Times {
  waits: number[];
  urgentWaits: number[];
  turnarounds: number[];
  slowdowns: number[];
  slowdownsByUser: Map<string, { sum: number; count: number }>;
  completed: number;
  lastEnd: number;
  work: number;
  weightedResponse: number;
}

/** Of jobs that ended. The wait is from submission, of a step of a pipeline from the end of the one before, to the first start. */
function timesOf(jobs: readonly TraceJob[], { startSeconds, endSeconds }: Outcome): Times {
  const times: Times = {
    waits: [],
    urgentWaits: [],
    turnarounds: [],
    slowdowns: [],
    slowdownsByUser: new Map(),
    completed: 0,
    lastEnd: -Infinity,
    work: 0,
    weightedResponse: 0,
  };
  const ready = readyTimes(jobs, endSeconds);
  for (const [index, job] of jobs.entries()) {
    const start = startSeconds[index] ?? Number.NaN;
    const end = endSeconds[index] ?? Number.NaN;
    if (Number.isNaN(start) || Number.isNaN(end)) continue;
    const wait = start - (ready[index] ?? job.submitSeconds);
    const turnaround = end - (ready[index] ?? job.submitSeconds);
    const slowdown = Math.max(1, turnaround / Math.max(job.runSeconds, SLOWDOWN_BOUND_SECONDS));
    const work = job.processors * job.runSeconds;
    times.waits.push(wait);
    if ((job.priority ?? 0) >= URGENT_PRIORITY) times.urgentWaits.push(wait);
    times.turnarounds.push(turnaround);
    times.slowdowns.push(slowdown);
    const user = times.slowdownsByUser.get(job.user) ?? { sum: 0, count: 0 };
    user.sum += slowdown;
    user.count++;
    times.slowdownsByUser.set(job.user, user);
    times.completed++;
    times.lastEnd = Math.max(times.lastEnd, end);
    times.work += work;
    times.weightedResponse += work * turnaround;
  }
  return times;
}

function deadlinesOf(
  jobs: readonly TraceJob[],
  { endSeconds, rejected }: Outcome,
): Pick<Metrics, 'deadlines' | 'deadlineMisses'> {
  const counts = { deadlines: 0, deadlineMisses: 0 };
  const ready = readyTimes(jobs, endSeconds);
  for (const [index, { deadlineSeconds }] of jobs.entries()) {
    if (deadlineSeconds === undefined || rejected.has(index)) continue;
    counts.deadlines++;
    // What never ended has missed it, too.
    if (!((endSeconds[index] ?? Number.NaN) <= (ready[index] ?? 0) + deadlineSeconds)) counts.deadlineMisses++;
  }
  return counts;
}

function sum(amounts: readonly Amount[]): Amount {
  return amounts.reduce((total, one) => ({ inWindow: total.inWindow + one.inWindow, all: total.all + one.all }), {
    inWindow: 0,
    all: 0,
  });
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((total, value) => total + value, 0) / values.length;
}

/** A percentile is the value at index ⌊n × share⌋ of the sorted ones. */
export function distribution(values: readonly number[]): Distribution {
  const sorted = Float64Array.from(values).sort();
  const rank = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { mean: mean(values), p50: rank(0.5), p95: rank(0.95), p99: rank(0.99) };
}

function unfairness(byUser: ReadonlyMap<string, { sum: number; count: number }>): number {
  const means = [...byUser.values()].map((user) => user.sum / user.count);
  const centre = mean(means);
  if (means.length < 2 || centre === 0) return 0;
  return Math.sqrt(mean(means.map((one) => (one - centre) ** 2))) / centre;
}
