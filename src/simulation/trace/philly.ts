import { fieldsOf } from './csv.ts';
import type { ReadOptions } from './swf.ts';
import type { Trace } from './trace-job.ts';

/**
 * Jobs of Microsoft's Philly trace as ElasticFlow and Pollux prepared it: `timestamp,duration,num_gpus,gpu_time,cluster`,
 * plain or gzip, in any order. GPUs are counted as processors: give the pool as many as there are GPUs. The user is the
 * (hashed) virtual cluster. @throws `TraceUnreadable`, `TraceColumnsMissing`
 */
export async function readPhilly(path: string, options: ReadOptions = {}): Promise<Trace> {
  let jobs = 0;
  const trace = await fieldsOf(path, ['timestamp', 'duration', 'num_gpus'], options, (row) => {
    const submitted = Date.parse(`${row.text('timestamp').replace(' ', 'T')}Z`);
    const runSeconds = row.number('duration');
    const processors = row.number('num_gpus');
    if (Number.isNaN(submitted)) return 'timestamp is no time';
    if (runSeconds === undefined || processors === undefined) return 'not a number';
    if (runSeconds <= 0) return 'run time is not more than zero';
    if (processors <= 0 || !Number.isInteger(processors)) return 'no whole number of GPUs';
    const id = String(++jobs);
    return { id, submitSeconds: submitted / 1_000, runSeconds, processors, user: row.text('cluster') };
  });
  return fromZero(trace);
}

/** The trace with its first submission at second 0. */
function fromZero(trace: Trace): Trace {
  const first = trace.jobs[0]?.submitSeconds ?? 0;
  return { ...trace, jobs: trace.jobs.map((job) => ({ ...job, submitSeconds: job.submitSeconds - first })) };
}
