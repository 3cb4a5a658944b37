import { FermataError } from '../../model/index.ts';
import { linesOf } from './lines.ts';
import { Rejections } from './rejections.ts';
import type { ReadOptions } from './swf.ts';
import type { RejectionReport, Trace, TraceJob } from './trace-job.ts';

/** One line of a table, by the names of its header. */
export interface Row {
  /** Empty where the field is, or is missing. */
  text(column: string): string;
  /** Undefined where it is empty or no finite number. */
  number(column: string): number | undefined;
}

/**
 * Reads a CSV file with a header line. `take` makes something of a row, or says what is wrong with it.
 * @throws `TraceUnreadable`, `TraceColumnsMissing`
 */
export async function readTable<T extends object>(
  path: string,
  required: readonly string[],
  { onRejected, signal }: ReadOptions,
  take: (row: Row) => T | string,
): Promise<{ rows: T[]; rejected: RejectionReport }> {
  const rejections = new Rejections(onRejected);
  const rows: T[] = [];
  let columns: ReadonlyMap<string, number> | undefined;
  for await (const lines of linesOf(path, signal)) {
    for (const { number, text, tooLong } of lines) {
      if (columns === undefined) {
        columns = columnsOf(path, tooLong === true ? '' : text, required);
        continue;
      }
      if (tooLong === true) rejections.reject(number, 'line is too long');
      else if (text.trim() !== '') {
        const fields = split(text);
        const taken = fields.length < columns.size ? `fewer than ${columns.size} fields` : take(rowOf(fields, columns));
        if (typeof taken === 'string') rejections.reject(number, taken);
        else rows.push(taken);
      }
    }
  }
  if (columns === undefined) columnsOf(path, '', required);
  return { rows, rejected: rejections.report() };
}

/** As {@link readTable}, of jobs: sorted by submission, the second of an id rejected. */
export async function fieldsOf(
  path: string,
  required: readonly string[],
  options: ReadOptions,
  take: (row: Row) => TraceJob | string,
): Promise<Trace> {
  const seen = new Set<string>();
  const { rows, rejected } = await readTable(path, required, options, (row) => {
    const job = take(row);
    if (typeof job === 'string') return job;
    if (seen.has(job.id)) return 'id occurs again';
    seen.add(job.id);
    return job;
  });
  return { jobs: rows.sort((one, other) => one.submitSeconds - other.submitSeconds), rejected, warnings: [] };
}

function columnsOf(path: string, header: string, required: readonly string[]): ReadonlyMap<string, number> {
  const columns = new Map(split(header).map((name, index) => [name.trim().toLowerCase(), index]));
  const missing = required.filter((name) => !columns.has(name));
  if (missing.length === 0) return columns;
  throw new FermataError('TraceColumnsMissing', `${path} has no column ${missing.join(', ')} in its first line`, {
    nextStep: 'See whether --format names what the file is.',
  });
}

function rowOf(fields: readonly string[], columns: ReadonlyMap<string, number>): Row {
  const text = (column: string): string => fields[columns.get(column) ?? -1]?.trim() ?? '';
  return {
    text,
    number(column) {
      const value = text(column);
      const parsed = Number(value);
      return value === '' || !Number.isFinite(parsed) ? undefined : parsed;
    },
  };
}

/** Fields of a line; a quoted one may hold commas, and quotes written twice. */
function split(text: string): string[] {
  if (!text.includes('"')) return text.split(',');
  const fields: string[] = [];
  for (const [, quoted, plain] of text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    fields.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
  }
  return fields;
}
