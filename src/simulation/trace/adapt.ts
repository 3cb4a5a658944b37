import type { TraceJob } from './trace-job.ts';

/** What is done to a trace before it is simulated. */
export interface Adaptation {
  /** Only jobs submitted from here on, seconds of the trace. */
  readonly fromSeconds?: number;
  /** Only jobs submitted before. */
  readonly toSeconds?: number;
  /** Only so many jobs, the first. */
  readonly limit?: number;
  /** Times between submissions are multiplied by it: 0.5 doubles the load. */
  readonly scaleArrivals?: number;
  /** Priority by name of queue; queues that are not named keep what the trace says. */
  readonly priorities?: Readonly<Record<string, number>>;
  /** Queues whose jobs are content with what others hold and do not use. */
  readonly opportunistic?: readonly string[];
  /** Jobs without a deadline get one: so many times their walltime, else their run time. */
  readonly deadlineFactor?: number;
}

/** A slice of a trace, its arrivals stretched from the first one on. Jobs stay in order. */
export function adapt(jobs: readonly TraceJob[], adaptation: Adaptation): TraceJob[] {
  const { fromSeconds = -Infinity, toSeconds = Infinity, limit = Infinity, scaleArrivals = 1 } = adaptation;
  const { priorities = {}, opportunistic = [], deadlineFactor } = adaptation;
  const slice = jobs
    .filter(({ submitSeconds }) => submitSeconds >= fromSeconds && submitSeconds < toSeconds)
    .slice(0, limit);
  const first = slice[0]?.submitSeconds ?? 0;
  return slice.map((job) => {
    const priority =
      job.queue !== undefined && Object.hasOwn(priorities, job.queue) ? priorities[job.queue] : undefined;
    const submitSeconds = scaleArrivals === 1 ? job.submitSeconds : first + (job.submitSeconds - first) * scaleArrivals;
    return {
      ...job,
      submitSeconds,
      ...(priority === undefined ? {} : { priority }),
      ...(opportunistic.includes(job.queue ?? '') ? { isOpportunistic: true } : {}),
      ...deadlineOf(job, deadlineFactor),
    };
  });
}

function deadlineOf(
  { deadlineSeconds, walltimeSeconds, runSeconds }: TraceJob,
  factor: number | undefined,
): Pick<TraceJob, 'deadlineSeconds'> {
  if (factor === undefined || deadlineSeconds !== undefined) return {};
  return { deadlineSeconds: (walltimeSeconds ?? runSeconds) * factor };
}
