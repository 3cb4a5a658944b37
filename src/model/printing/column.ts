import { humanDuration } from '../duration.ts';
import type { KubeObject } from '../meta.ts';

export type Cell = string | number | boolean | null;

/** One column of a table as the server prints it for kubectl (`metav1.TableColumnDefinition`, with its cells). */
export interface PrinterColumn<T extends KubeObject = KubeObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  /** `name` marks the column that names the object; '' otherwise. */
  readonly format: string;
  /** 0: always shown; 1: only with `-o wide`. */
  readonly priority: number;
  readonly description: string;
  /** `now`: ms since the epoch, for ages. */
  value(object: T, now: number): Cell;
}

export type ColumnOptions = Partial<Pick<PrinterColumn, 'type' | 'format' | 'priority'>>;

/** A column; a string shown always, when `options` say nothing else. */
export function column<T extends KubeObject>(
  name: string,
  description: string,
  value: (object: T, now: number) => Cell,
  options: ColumnOptions = {},
): PrinterColumn<T> {
  return { name, description, value, type: 'string', format: '', priority: 0, ...options };
}

/** Only with `-o wide`. */
export function wideColumn<T extends KubeObject>(
  name: string,
  description: string,
  value: (object: T, now: number) => Cell,
  options: ColumnOptions = {},
): PrinterColumn<T> {
  return column(name, description, value, { ...options, priority: 1 });
}

export const NAME_COLUMN: PrinterColumn = column(
  'Name',
  'Name of the object, unique in its namespace.',
  ({ metadata }) => metadata.name,
  { format: 'name' },
);

export const AGE_COLUMN: PrinterColumn = column('Age', 'Time since the object was created.', ({ metadata }, now) =>
  ageOf(metadata.creationTimestamp, now),
);

/** What a kind shows that says nothing else. */
export const DEFAULT_COLUMNS: readonly PrinterColumn[] = [NAME_COLUMN, AGE_COLUMN];

/** Time since an RFC 3339 time, as kubectl shows it; `<unknown>` when there is none. */
export function ageOf(time: string | undefined | null, now: number): string {
  const instant = time === undefined || time === null ? Number.NaN : Date.parse(time);
  return Number.isNaN(instant) ? '<unknown>' : humanDuration(now - instant);
}

export function orNone(text: string | undefined): string {
  return text === undefined || text === '' ? '<none>' : text;
}
