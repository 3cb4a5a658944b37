import { FermataError } from '../../model/index.ts';

/** Reads one value of a configuration; `field` names it in errors (`profiles[0].schedulerName`). Throws when it is wrong. */
export type Read<T> = (value: unknown, field: string) => T;

/** @throws FermataError `SchedulerConfigurationInvalid` */
export function invalid(field: string, found: string, accepted: string): never {
  throw new FermataError('SchedulerConfigurationInvalid', `scheduler configuration: ${field} ${found}`, {
    nextStep: `Accepted: ${accepted}.`,
  });
}

function shown(value: unknown): string {
  return value === null || value === undefined ? 'is empty' : `is ${JSON.stringify(value)}`;
}

export const text: Read<string> = (value, field) =>
  typeof value === 'string' && value !== '' ? value : invalid(field, shown(value), 'a text');

export const flag: Read<boolean> = (value, field) =>
  typeof value === 'boolean' ? value : invalid(field, shown(value), 'true or false');

/** Whatever it is; its reader looks at it later. */
export const anything: Read<unknown> = (value) => value;

export function whole(lowest: number, highest: number): Read<number> {
  return (value, field) =>
    typeof value === 'number' && Number.isInteger(value) && value >= lowest && value <= highest
      ? value
      : invalid(field, shown(value), `a whole number from ${lowest} to ${highest}`);
}

export function number(lowest: number, highest: number): Read<number> {
  return (value, field) =>
    typeof value === 'number' && value >= lowest && value <= highest
      ? value
      : invalid(field, shown(value), `a number from ${lowest} to ${highest}`);
}

/** A mapping of any names to values of one kind. */
export function table<T>(read: Read<T>): Read<Readonly<Record<string, T>>> {
  return (value, field) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return invalid(field, shown(value), 'a mapping of names to values');
    }
    return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, read(entry, `${field}.${name}`)]));
  };
}

export function oneOf<T extends string>(...values: readonly T[]): Read<T> {
  return (value, field) => values.find((known) => known === value) ?? invalid(field, shown(value), values.join(', '));
}

export function list<T>(read: Read<T>): Read<readonly T[]> {
  return (value, field) =>
    Array.isArray(value)
      ? value.map((entry, index) => read(entry, `${field}[${index}]`))
      : invalid(field, shown(value), 'a list');
}

type Fields<T> = { readonly [K in keyof T]-?: Read<Exclude<T[K], undefined>> };

/** A mapping with these fields, each of which may be left out. */
export function mapping<T extends object>(fields: Fields<T>): Read<Partial<T>> {
  return (value, field) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return invalid(field, shown(value), `a mapping with ${Object.keys(fields).join(', ')}`);
    }
    const read: Record<string, unknown> = {};
    for (const [name, entry] of Object.entries(value)) {
      const path = field === '' ? name : `${field}.${name}`;
      if (!Object.hasOwn(fields, name)) invalid(path, 'is not known', Object.keys(fields).join(', '));
      if (entry !== null) read[name] = fields[name as keyof T](entry as never, path);
    }
    return read as Partial<T>;
  };
}
