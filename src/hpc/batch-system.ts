import type { JobReport, JobRequest } from './job.ts';
import type { UsageQuery } from './usage.ts';

/** Where a job's files are, on the site. */
export interface JobFiles {
  /** Absolute. */
  folder: string;
  /** Full name in the batch system: the request's, and the workload's mark. */
  jobName: string;
  /** The workload's mark: what an adopting incarnation looks for. */
  mark: string;
}

/**
 * What is particular to one batch system, as words for its commands and readers of their output: pure. Everything that touches
 * the site goes through `Access`.
 *
 * Shell fragments are bash with `pipefail`; ids come as `"$@"`. The first field of each line of a list is the job id, fields are parted
 * by `|` or blanks, so that a login node can pick lines by id without knowing more.
 */
export interface BatchSystem {
  readonly name: 'slurm' | 'gridengine' | 'pbs';
  /** How its directives begin in a script: `#SBATCH`. */
  readonly directive: string;
  /** Variable with the index of the task, set in a job of an array. */
  readonly taskVariable: string;
  /**
   * The job itself opens its output and changes to its working directory: the batch system would deliver the one at the job's
   * end only, and has no option for the other.
   */
  readonly jobOpensOutput: boolean;
  /** The submit command but for the script's path, which is appended. */
  submitCommand(request: JobRequest, files: JobFiles): string[];
  /** `sed -n` script that prints the id from what the submit command printed, and nothing when it submitted nothing. */
  readonly idFromSubmit: string;
  /** What the submit command says when trying again later may help; anything else is the site's refusal. */
  readonly temporary: RegExp;
  /** Prints the ids of this user's jobs whose name is `$1`, one a line, newest last; fails if the batch system does not answer. */
  readonly findByName: string;
  /** Prints all jobs of this user, one a line; fails if the batch system does not answer. */
  readonly list: string;
  readList(text: string): JobReport[];
  /** Prints what accounting knows of the ids. */
  readonly account: string;
  readAccount(text: string): JobReport[];
  readonly cancel: string;
  /** What it writes to the standard error of a job that it kills for its memory, where the state does not say so. */
  readonly memoryMessage?: RegExp;
  /** What a running job takes. */
  readonly usage: UsageQuery;
  /** Prints everything that the batch system knows of one job, for people. */
  readonly describe: string;
}
