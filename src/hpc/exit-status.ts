import type { JobEnd } from './job.ts';

/**
 * Exit statuses of `hpc run` that are not the program's own, so that a Kubernetes Job's `podFailurePolicy` can tell the site's
 * faults from the program's: 124 as `timeout(1)` has it, the others in a range that neither shells (126–165) nor sysexits
 * (64–78) use.
 */
export const HPC_EXIT = {
  deadlineExceeded: 124,
  outOfMemory: 220,
  nodeFailure: 221,
  preempted: 222,
  cancelled: 223,
  refused: 224,
  lost: 225,
} as const;

/** The exit status for the end of a job: its own code, 128 + n for a signal. */
export function exitStatusOf(end: JobEnd): number {
  switch (end.kind) {
    case 'Exited':
      return end.exitCode;
    case 'Signalled':
      return 128 + end.signal;
    case 'Cancelled':
      return HPC_EXIT.cancelled;
    case 'DeadlineExceeded':
      return HPC_EXIT.deadlineExceeded;
    case 'OutOfMemory':
      return HPC_EXIT.outOfMemory;
    case 'NodeFailure':
      return HPC_EXIT.nodeFailure;
    case 'Preempted':
      return HPC_EXIT.preempted;
    case 'Lost':
      return HPC_EXIT.lost;
  }
}

/** The end in words, as logs and the pod's termination message have it. */
export function describeEnd(end: JobEnd): string {
  switch (end.kind) {
    case 'Exited':
      return end.exitCode === 0 ? 'completed' : `exit code ${end.exitCode}`;
    case 'Signalled':
      return `killed by signal ${end.signal}`;
    case 'Cancelled':
      return end.by === undefined ? 'cancelled' : `cancelled by ${end.by}`;
    case 'DeadlineExceeded':
      return 'time limit reached';
    case 'OutOfMemory':
      return 'out of memory';
    case 'NodeFailure':
      return 'a node failed';
    case 'Preempted':
      return 'preempted by the site and not requeued';
    case 'Lost':
      return 'gone, and neither accounting nor its status file says how it ended';
  }
}

/** What an array as a whole ends with: the first end that is no success, infrastructure faults after the program's own. */
export function worstEnd(ends: readonly JobEnd[]): JobEnd {
  const rank = (end: JobEnd): number => (exitStatusOf(end) === 0 ? 0 : end.kind === 'Exited' ? 2 : 1);
  return ends.reduce<JobEnd>((worst, end) => (rank(end) > rank(worst) ? end : worst), { kind: 'Exited', exitCode: 0 });
}
