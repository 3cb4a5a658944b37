import type { TraceJob } from './trace/trace-job.ts';

/** A job for tests; the number is its id. */
export function job(
  id: number,
  submitSeconds: number,
  runSeconds: number,
  processors: number,
  more: Partial<TraceJob> = {},
): TraceJob {
  return { id: String(id), submitSeconds, runSeconds, processors, user: 'user', ...more };
}

/** A line of the Standard Workload Format with what a test cares about. */
export function swfLine(fields: Readonly<Partial<Record<number, number | string>>>): string {
  return Array.from({ length: 18 }, (_, index) => String(fields[index + 1] ?? -1)).join(' ');
}
