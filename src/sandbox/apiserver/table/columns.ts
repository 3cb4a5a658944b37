import type { PrinterColumn as CustomColumn, Kind } from '../../../kubernetes/index.ts';
import {
  AGE_COLUMN,
  ageOf,
  type Cell,
  DEFAULT_COLUMNS,
  kindOf,
  NAME_COLUMN,
  type PrinterColumn,
} from '../../../model/index.ts';
import { compileJsonPath } from './json-path.ts';

const columnsOfKinds = new WeakMap<Kind, readonly PrinterColumn[]>();

/** The columns of `kubectl get`: the model's own, or those of the CustomResourceDefinition, name first. */
export function columnsOf(kind: Kind): readonly PrinterColumn[] {
  let columns = columnsOfKinds.get(kind);
  if (columns === undefined) {
    columns = kind.custom ? customColumns(kind.printerColumns) : (kindOf(kind.type)?.columns ?? DEFAULT_COLUMNS);
    columnsOfKinds.set(kind, columns);
  }
  return columns;
}

function customColumns(columns: readonly CustomColumn[]): readonly PrinterColumn[] {
  return [NAME_COLUMN, ...(columns.length === 0 ? [AGE_COLUMN] : columns.map(customColumn))];
}

function customColumn(column: CustomColumn): PrinterColumn {
  const find = compileJsonPath(column.jsonPath);
  return {
    name: column.name,
    // A date is shown as the time since it, which the server makes: then it is a text.
    type: column.type === 'date' ? 'string' : typeOf(column.type),
    format: column.format ?? '',
    priority: column.priority ?? 0,
    description: column.description ?? `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
    value: (object, now) => cellOf(find(object), column.type, now),
  };
}

function typeOf(type: string): PrinterColumn['type'] {
  return type === 'integer' || type === 'number' || type === 'boolean' ? type : 'string';
}

function cellOf(found: unknown[], type: string, now: number): Cell {
  const [first] = found;
  if (first === undefined) return type === 'string' || type === 'date' ? '' : null;
  if (type === 'date') return ageOf(String(first), now);
  if (type === 'integer' && typeof first === 'number') return Math.trunc(first);
  if (type !== 'string' && (typeof first === 'number' || typeof first === 'boolean')) return first;
  return found.map((value) => (typeof value === 'object' ? JSON.stringify(value) : String(value))).join(',');
}
