import type { JobReport } from '../job.ts';
import { slurmReport } from '../slurm.ts';

/** A number as slurmrestd writes it: plain or null up to v0.0.39, with its reservations from v0.0.40. */
type RestNumber = number | null | { set?: boolean; infinite?: boolean; number?: number };
/** One word up to v0.0.39; from v0.0.40 the base state, then flags. */
type RestState = string | readonly string[];

/** A job of `/slurm/v0.0.x/job/{id}` and `/jobs`, as far as it is read. */
export interface RestJob {
  job_id: number;
  name?: string;
  comment?: string;
  user_name?: string;
  array_job_id?: RestNumber;
  array_task_id?: RestNumber;
  /** Of a pending remainder: `3-7`. */
  array_task_string?: string;
  het_job_id?: RestNumber;
  het_job_offset?: RestNumber;
  job_state: RestState;
  state_reason?: string;
  /** Up to v0.0.38 the wait status of wait(2). */
  exit_code?: RestNumber | RestExitCode;
  nodes?: string;
  submit_time?: RestNumber;
  end_time?: RestNumber;
}

/** A job of `/slurmdb/v0.0.x/job/{id}` and `/jobs`, as far as it is read. */
export interface RestRecord {
  job_id: number;
  name?: string;
  user?: string;
  array?: { job_id?: number; task_id?: RestNumber };
  het?: { job_id?: RestNumber; job_offset?: RestNumber };
  state?: { current?: RestState };
  exit_code?: RestExitCode;
  nodes?: string;
  kill_request_user?: string | null;
}

interface RestExitCode {
  return_code?: RestNumber;
  signal?: { signal_id?: RestNumber; id?: RestNumber } | null;
}

/** Id under which the job was submitted: all tasks of an array and all components of a heterogeneous job share it. */
export function submittedId(job: RestJob): string {
  return String(numberOf(job.array_job_id) || numberOf(job.het_job_id) || job.job_id);
}

/** Reports of jobs as the controller has them; of a heterogeneous job the first component speaks. */
export function reportsOfJobs(jobs: readonly RestJob[]): JobReport[] {
  return jobs.flatMap((job): JobReport[] => {
    if ((numberOf(job.het_job_offset) ?? 0) > 0) return [];
    const isArray = (numberOf(job.array_job_id) ?? 0) > 0;
    const task = isArray ? (numberOf(job.array_task_id)?.toString() ?? job.array_task_string) : undefined;
    const state = stateOf(job.job_state);
    const report = slurmReport(submittedId(job), task, state, exitWords(job.exit_code), job.nodes ?? '');
    if (report === undefined) return [];
    const reason = job.state_reason;
    return [reason === undefined || reason === '' || reason === 'None' ? report : { ...report, reason }];
  });
}

/**
 * Reports of jobs as accounting has them. Slurm 22.05 answers exit code 0 for whatever failed, also where its sacct knows better:
 * a failure with 0 is an end that accounting does not know.
 */
export function reportsOfRecords(records: readonly RestRecord[]): JobReport[] {
  return records.flatMap((record): JobReport[] => {
    if ((numberOf(record.het?.job_offset) ?? 0) > 0) return [];
    const array = record.array?.job_id ?? 0;
    const task = array > 0 ? numberOf(record.array?.task_id)?.toString() : undefined;
    const state = stateOf(record.state?.current ?? '');
    const by = record.kill_request_user;
    const words = state === 'CANCELLED' && typeof by === 'string' && by !== '' ? `CANCELLED by ${by}` : state;
    const code = exitWords(record.exit_code);
    const report = slurmReport(String(array || record.job_id), task, words, code, record.nodes ?? '');
    if (report === undefined) return [];
    if (state !== 'FAILED' || code !== '0:0') return [report];
    const { end: _, ...withoutEnd } = report;
    return [withoutEnd];
  });
}

export function numberOf(value: RestNumber | undefined): number | undefined {
  if (value === undefined || value === null || typeof value === 'number') return value ?? undefined;
  return value.set === false || value.infinite === true ? undefined : value.number;
}

/** Flags follow the base state and say more of it: `["PENDING", "REQUEUED"]` is what squeue calls REQUEUED. */
function stateOf(state: RestState): string {
  return (typeof state === 'string' ? state : state.at(-1)) ?? '';
}

/** `code:signal`, as sacct writes it. */
function exitWords(exit: RestNumber | RestExitCode | undefined): string {
  if (exit === null || exit === undefined) return '0:0';
  if (typeof exit === 'number') return `${exit >> 8}:${exit & 127}`;
  if (!('return_code' in exit)) return '0:0';
  const signal = numberOf(exit.signal?.signal_id) ?? numberOf(exit.signal?.id) ?? 0;
  return `${signal > 0 ? 0 : (numberOf(exit.return_code) ?? 0)}:${signal}`;
}
