import { EventQueue } from '../event-queue.ts';
import { Ledger, type LedgerOptions } from '../ledger.ts';
import type { Outcome } from '../outcome.ts';
import { Precedence } from '../precedence.ts';
import type { TraceJob } from '../trace/trace-job.ts';

/** Decides which waiting jobs start. Jobs are indices into the trace. */
export interface PoolPolicy {
  submit(job: number, now: number): void;
  /** A running job ended. */
  end(job: number, now: number): void;
  /** Starts what may start, after all ends and submissions of the instant. */
  pass(now: number): void;
}

/** What a policy sees of the pool, and its one deed. */
export interface Pool {
  readonly processors: Int32Array;
  /** What a planner may believe: the longer of walltime and run time, so that nothing outlasts its estimate. */
  readonly estimates: Float64Array;
  readonly free: number;
  start(job: number, now: number): void;
}

export interface PoolOptions extends LedgerOptions {
  readonly processors: number;
  /** Planners know run times exactly. */
  readonly perfectEstimates?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * A machine of equal processors without topology: the usual model of batch scheduling papers. At one instant ends come before
 * submissions, then the policy has one pass. Jobs larger than the machine are rejected.
 */
export function simulatePool(
  jobs: readonly TraceJob[],
  makePolicy: (pool: Pool) => PoolPolicy,
  options: PoolOptions,
): Outcome {
  const ledger = new Ledger(jobs.length, options);
  const processors = Int32Array.from(jobs, (job) => job.processors);
  const estimates = Float64Array.from(jobs, ({ runSeconds, walltimeSeconds }) =>
    options.perfectEstimates === true ? runSeconds : Math.max(runSeconds, walltimeSeconds ?? runSeconds),
  );
  const ends = new EventQueue<number>();
  let free = options.processors;
  const policy = makePolicy({
    processors,
    estimates,
    get free() {
      return free;
    },
    start(index, now) {
      const job = jobs[index];
      if (job === undefined) return;
      free -= job.processors;
      ledger.startSeconds[index] = now;
      ends.push(now + job.runSeconds, index);
    },
  });
  // Jobs of a pipeline come when the one before has ended.
  const precedence = new Precedence(jobs);
  let next = 0;
  const submit = (index: number, now: number): void => {
    ledger.events++;
    if ((processors[index] ?? 0) > options.processors) {
      ledger.rejected.set(index, `needs ${processors[index]} processors of ${options.processors}`);
      release(index, now);
    } else policy.submit(index, now);
  };
  const release = (index: number, now: number): void => {
    for (const follower of precedence.over(index)) {
      due.push(Math.max(now, jobs[follower]?.submitSeconds ?? now), follower);
    }
  };
  const due = new EventQueue<number>();
  for (;;) {
    while (next < jobs.length && precedence.isLed(next)) next++;
    const now = Math.min(jobs[next]?.submitSeconds ?? Infinity, ends.earliest, due.earliest);
    if (now === Infinity) break;
    options.signal?.throwIfAborted();
    while (ends.earliest === now) {
      const index = ends.pop() ?? -1;
      const job = jobs[index];
      if (job === undefined) break;
      ledger.events++;
      free += job.processors;
      ledger.endSeconds[index] = now;
      const fromSeconds = ledger.startSeconds[index] ?? now;
      ledger.hold(
        { job: index, use: 'compute', fromSeconds, toSeconds: now, processors: job.processors },
        { usedShare: job.usedShare ?? 1 },
      );
      policy.end(index, now);
      release(index, now);
    }
    for (; next < jobs.length && (jobs[next]?.submitSeconds ?? Infinity) === now; next++) {
      if (!precedence.isLed(next)) submit(next, now);
    }
    while (due.earliest <= now) submit(due.pop() ?? -1, now);
    policy.pass(now);
  }
  return ledger.outcome();
}
