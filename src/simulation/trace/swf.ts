import { type Line, linesOf } from './lines.ts';
import { Rejections } from './rejections.ts';
import type { RejectedLine, Trace, TraceJob } from './trace-job.ts';

export interface ReadOptions {
  /** Hears of every line that became no job. */
  readonly onRejected?: (rejected: RejectedLine) => void;
  readonly signal?: AbortSignal;
}

/** Fields of a line; extended forms (Alea's) append more, which are not needed here. */
const FIELDS = 18;
/** Of jobs that were checkpointed or swapped out the format has a line for each part beside the one for the whole. */
const PARTIAL = new Set([2, 3, 4]);
const KIB = 1_024;

/**
 * Reads a log in the Standard Workload Format 2.2 (Chapin et al. 1999; Feitelson's Parallel Workloads Archive), plain or gzip.
 * A job counts when it ran and had processors: those allocated (field 5), else those requested (field 8). Sorted by submission,
 * jobs of one instant as in the file. @throws `TraceUnreadable`
 */
export async function readSwf(path: string, { onRejected, signal }: ReadOptions = {}): Promise<Trace> {
  const reader = new SwfReader(new Rejections(onRejected));
  for await (const lines of linesOf(path, signal)) for (const line of lines) reader.take(line);
  return reader.trace();
}

/** Kind, then what this line had. */
type Fault = readonly [kind: string, detail?: string];

class SwfReader {
  readonly #rejections: Rejections;
  readonly #jobs: TraceJob[] = [];
  readonly #lineOf = new Map<number, number>();
  readonly #queues = new Map<number, string>();
  #processors: number | undefined;
  #latest = -Infinity;
  #outOfOrder = 0;

  constructor(rejections: Rejections) {
    this.#rejections = rejections;
  }

  take(line: Line): void {
    const text = line.text.trim();
    if (line.tooLong === true) this.#rejections.reject(line.number, 'line is too long');
    else if (text.startsWith(';')) this.#header(text);
    else if (text !== '') {
      const fault = this.#job(line.number, text);
      if (fault !== undefined) this.#rejections.reject(line.number, ...fault);
    }
  }

  trace(): Trace {
    if (this.#outOfOrder > 0) this.#jobs.sort((one, other) => one.submitSeconds - other.submitSeconds);
    const warnings =
      this.#outOfOrder === 0
        ? []
        : [`${this.#outOfOrder} lines stand after later submissions; the jobs were sorted by submission`];
    return {
      jobs: this.#jobs,
      ...(this.#processors === undefined ? {} : { processors: this.#processors }),
      rejected: this.#rejections.report(),
      warnings,
    };
  }

  #header(text: string): void {
    const processors = /^;\s*MaxProcs:\s*(\d+)/.exec(text)?.[1];
    if (processors !== undefined && Number(processors) > 0) this.#processors = Number(processors);
    const queue = /^;\s*Queue:\s*(\d+)\s+(\S+)/.exec(text);
    if (queue?.[1] !== undefined && queue[2] !== undefined) this.#queues.set(Number(queue[1]), queue[2]);
  }

  /** Takes the job, or says what is wrong with it. */
  #job(number: number, text: string): Fault | undefined {
    const fields = text.split(/\s+/);
    if (fields.length < FIELDS) return [`fewer than ${FIELDS} fields`, String(fields.length)];
    const values = fields.slice(0, FIELDS).map(Number);
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong !== -1) return ['not a number', `field ${wrong + 1} is "${(fields[wrong] ?? '').slice(0, 40)}"`];
    const value = (field: number): number => values[field - 1] ?? -1;
    const [id, submit, run] = [value(1), value(2), value(4)];
    if (submit < 0) return ['submit time is negative', String(submit)];
    if (PARTIAL.has(value(11))) return ['part of a job that has a line of its own', `status ${value(11)}`];
    if (run <= 0) return [run === 0 ? 'run time is zero' : 'run time is negative', String(run)];
    const processors = value(5) > 0 ? value(5) : value(8);
    if (processors <= 0) return ['no processors', `allocated ${value(5)}, requested ${value(8)}`];
    if (!Number.isInteger(processors)) return ['processors are not a whole number', String(processors)];
    const earlier = this.#lineOf.get(id);
    if (earlier !== undefined) return ['job number occurs again', `${id}, first in line ${earlier}`];
    this.#lineOf.set(id, number);
    if (submit < this.#latest) this.#outOfOrder++;
    this.#latest = Math.max(this.#latest, submit);
    const memory = value(7) > 0 ? value(7) : value(10);
    const cpuSeconds = value(6);
    const queue = value(15) < 0 ? undefined : (this.#queues.get(value(15)) ?? String(value(15)));
    this.#jobs.push({
      id: String(id),
      submitSeconds: submit,
      runSeconds: run,
      processors,
      ...(value(9) > 0 ? { walltimeSeconds: value(9) } : {}),
      ...(memory > 0 ? { memoryBytes: memory * KIB * processors } : {}),
      ...(cpuSeconds > 0 ? { usedShare: Math.min(1, cpuSeconds / run) } : {}),
      user: String(value(12)),
      ...(queue === undefined ? {} : { queue }),
    });
    return undefined;
  }
}
