import { linesOf } from './lines.ts';
import { Rejections } from './rejections.ts';
import type { ReadOptions } from './swf.ts';
import type { Trace, TraceJob } from './trace-job.ts';

/** Fields of a line: time (µs), …, job, task, machine, event, user, class, priority, cpu and memory requests. */
const FIELDS = 11;
const MICROSECONDS = 1e6;
/** Requests are parts of the largest machine, whose size Google does not tell: taken as this. */
const LARGEST_MACHINE = { processors: 32, memoryBytes: 128 * 1024 ** 3 };

const EVENTS = ['submit', 'schedule', 'evict', 'fail', 'finish', 'kill', 'lost', 'update', 'update'] as const;

interface Task {
  readonly line: number;
  readonly submitted: number;
  scheduled: number | undefined;
}

/**
 * Task events in the form of Google's cluster trace of 2011 (`task_events`, CSV without header, plain or gzip): a job for each
 * task that was submitted, scheduled and ended. Of a task that was evicted the last run counts, since it started anew.
 * Priorities are the trace's times 100 ÷ 3, so that its monitoring and production bands (9 and above) are urgent.
 * @throws `TraceUnreadable`
 */
export async function readGoogleTaskEvents(path: string, { onRejected, signal }: ReadOptions = {}): Promise<Trace> {
  const rejections = new Rejections(onRejected);
  const tasks = new Map<string, Task>();
  const jobs: TraceJob[] = [];
  const runs = new Map<string, number>();
  for await (const lines of linesOf(path, signal)) {
    for (const { number, text, tooLong } of lines) {
      if (text.trim() === '') continue;
      const fields = text.split(',');
      const event = EVENTS[Number(fields[5])];
      const at = Number(fields[0]) / MICROSECONDS;
      if (tooLong === true) rejections.reject(number, 'line is too long');
      else if (fields.length < FIELDS) rejections.reject(number, `fewer than ${FIELDS} fields`, String(fields.length));
      else if (event === undefined || fields[5] === '') rejections.reject(number, 'unknown event', fields[5]);
      else if (!Number.isFinite(at) || at < 0) rejections.reject(number, 'time is no number, or negative', fields[0]);
      else {
        const key = `${fields[2]}/${fields[3]}`;
        const task = tasks.get(key);
        if (event === 'submit') {
          if (task === undefined) tasks.set(key, { line: number, submitted: at, scheduled: undefined });
        } else if (task === undefined) {
          if (event !== 'update') rejections.reject(number, 'event of a task that was not submitted', event);
        } else if (event === 'schedule') task.scheduled = at;
        else if (event === 'evict') task.scheduled = undefined;
        else if (event !== 'update') {
          tasks.delete(key);
          const job = jobOf(key, task, at, fields);
          if (typeof job === 'string') rejections.reject(number, job);
          else {
            // A task may be submitted again after its end: another job.
            const run = (runs.get(key) ?? 0) + 1;
            runs.set(key, run);
            jobs.push(run === 1 ? job : { ...job, id: `${key}#${run}` });
          }
        }
      }
    }
  }
  for (const [key, { line }] of tasks) rejections.reject(line, 'task has no end in the trace', key);
  jobs.sort((one, other) => one.submitSeconds - other.submitSeconds);
  return { jobs, rejected: rejections.report(), warnings: [] };
}

function jobOf(
  id: string,
  { submitted, scheduled }: Task,
  ended: number,
  fields: readonly string[],
): TraceJob | string {
  const [cpu, memory, priority] = [Number(fields[9]), Number(fields[10]), Number(fields[8])];
  if (scheduled === undefined) return 'task ended without being scheduled';
  if (ended <= scheduled) return 'run time is not more than zero';
  if (!(cpu > 0)) return 'no processors';
  return {
    id,
    submitSeconds: submitted,
    runSeconds: ended - scheduled,
    processors: cpu * LARGEST_MACHINE.processors,
    tasks: 1,
    ...(memory > 0 ? { memoryBytes: Math.round(memory * LARGEST_MACHINE.memoryBytes) } : {}),
    user: fields[6] ?? '',
    priority: Number.isFinite(priority) ? Math.floor((priority * 100) / 3) : 0,
  };
}
