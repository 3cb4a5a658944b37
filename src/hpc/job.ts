import type { JobCheckpoint } from './checkpoint-script.ts';

/** What a batch system says of a job, in one vocabulary for all of them. */
export type JobPhase = 'Pending' | 'Running' | 'Suspended' | 'Ended';

/** How a job ended. `Lost`: it is gone and neither accounting nor its own status file says how. */
export type JobEnd =
  | { kind: 'Exited'; exitCode: number }
  | { kind: 'Signalled'; signal: number }
  | { kind: 'Cancelled'; by?: string }
  | { kind: 'DeadlineExceeded' }
  | { kind: 'OutOfMemory' }
  | { kind: 'NodeFailure' }
  | { kind: 'Preempted' }
  | { kind: 'Lost' };

/** One job, or one task of an array, as the batch system has it now. */
export interface JobReport {
  /** The id that was given at the submit; all tasks of an array share it. */
  id: string;
  /** Index in an array; undefined for a job that is none. A pending remainder may stand for several: `3-7`. */
  task?: string;
  phase: JobPhase;
  /** Present exactly when `phase` is `Ended` and the batch system itself knows how. */
  end?: JobEnd;
  /** The batch system's own word for the state: `PENDING`, `qw`, `H`. */
  native: string;
  /** Why it waits, in the batch system's words: `Resources`, `JobHeldUser`. */
  reason?: string;
  /** Where it runs, in the batch system's words. */
  nodes?: string;
}

/** What one kind of node gives: all of a usual job, or a component of a heterogeneous one. */
export interface JobComponent {
  nodes?: number;
  /** Processes (MPI ranks); default 1. */
  tasks?: number;
  cpusPerTask?: number;
  /** For each node, in mebibytes. */
  memoryMebibytes?: number;
  /** For each node. */
  gpus?: number;
  /** Slurm's partition; the queue elsewhere. */
  partition?: string;
}

/** What to run there, and with what; every field but `name` and `script` has a sensible default at the site. */
export interface JobRequest extends JobComponent {
  /** Shown in the batch system's lists, with the mark of the workload appended. */
  name: string;
  /** The text of the program, with its `#!` line; directives of the batch system in it hold unless a field here says otherwise. */
  script: string;
  arguments?: readonly string[];
  environment?: Readonly<Record<string, string>>;
  /** Environment modules loaded before the script. */
  modules?: readonly string[];
  /** Container image run by Apptainer, e.g. `docker://debian:12` or a `.sif` path. */
  image?: string;
  /** Default: the home directory. */
  workingDirectory?: string;
  /** Further components of a heterogeneous job; the fields here are its first one. */
  components?: readonly JobComponent[];
  walltimeSeconds?: number;
  account?: string;
  qualityOfService?: string;
  reservation?: string;
  /** Grid Engine's parallel environment, needed there for more than one slot. */
  parallelEnvironment?: string;
  /** Indices as the batch system writes them: `1-100`, `1-9:2`. */
  array?: string;
  /** As the batch system writes it: `afterok:123` for Slurm and PBS, job ids or names for Grid Engine. */
  dependency?: string;
  /** May the site start it anew after a node failure or a preemption? Default: the site's own. */
  requeue?: boolean;
  /** Dump it on the site's warning and resume it when it runs again; Slurm only. */
  checkpoint?: JobCheckpoint;
  /** Further words for the submit command, as they are. */
  submitOptions?: readonly string[];
}

/** `12`, or `12_3` for a task of an array. */
export function jobLabel(report: Pick<JobReport, 'id' | 'task'>): string {
  return report.task === undefined ? report.id : `${report.id}_${report.task}`;
}
