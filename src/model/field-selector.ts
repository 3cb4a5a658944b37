import { FermataError } from './errors.ts';

/** One requirement of a field selector; all of them must hold. */
export interface FieldRequirement {
  /** Dotted path, e.g. `spec.nodeName`. */
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Every kind can be selected by these. */
export const METADATA_FIELDS: readonly string[] = ['metadata.name', 'metadata.namespace'];

/**
 * Reads a field selector: `spec.nodeName=n1,status.phase!=Failed` (`==` is `=`; `\,`, `\=` and `\\` in a value stand for
 * themselves). Empty text: no requirements. Throws `FieldSelectorInvalid`, also for a field that is not in `supported`
 * when that is given.
 */
export function parseFieldSelector(text: string, supported?: readonly string[]): FieldRequirement[] {
  if (text.trim() === '') return [];
  return splitUnescaped(text)
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [, field, operator, value] = /^\s*([^=!\s]+)\s*(==|!=|=)(.*)$/s.exec(part) ?? [];
      if (field === undefined || operator === undefined || value === undefined) {
        throw invalid(text, `${JSON.stringify(part)} is not of the form field=value`);
      }
      if (supported !== undefined && !supported.includes(field)) {
        throw invalid(text, `field label not supported: ${field}; supported are ${supported.join(', ')}`);
      }
      return { field, operator: operator === '!=' ? '!=' : '=', value: unescaped(text, value) };
    });
}

function splitUnescaped(text: string): string[] {
  return text.match(/(?:\\[\s\S]|[^,\\])+|\\$/g) ?? [];
}

function unescaped(text: string, value: string): string {
  return value.trim().replace(/\\([\s\S]?)|=/g, (match: string, escaped: string | undefined) => {
    if (match === '=') throw invalid(text, `"=" inside the value ${JSON.stringify(value)} must be written \\=`);
    if (escaped !== ',' && escaped !== '=' && escaped !== '\\') {
      throw invalid(
        text,
        `${JSON.stringify(match)} in ${JSON.stringify(value)} is not an escape; only \\, \\= \\\\ are`,
      );
    }
    return escaped;
  });
}

function invalid(text: string, why: string): FermataError {
  return new FermataError('FieldSelectorInvalid', `field selector ${JSON.stringify(text)} is not valid: ${why}`, {
    nextStep: "Write it like 'spec.nodeName=node-1,status.phase!=Failed'.",
  });
}

/** The requirements as text; {@link parseFieldSelector} reads it back. */
export function formatFieldSelector(requirements: readonly FieldRequirement[]): string {
  return requirements
    .map(({ field, operator, value }) => `${field}${operator}${value.replace(/[\\,=]/g, '\\$&')}`)
    .join(',');
}

/** Whether the object has these values; a field that is absent counts as the empty string, as on the server. */
export function matchesFields(requirements: readonly FieldRequirement[], object: object): boolean {
  return requirements.every(
    ({ field, operator, value }) => (fieldText(object, field) === value) === (operator === '='),
  );
}

/** Booleans that the server selects by as `false` when they are absent. */
const FALSE_WHEN_ABSENT: ReadonlySet<string> = new Set(['spec.hostNetwork', 'spec.unschedulable']);

/** The value at a dotted path as a selector sees it: text; '' when absent or not a scalar. */
export function fieldText(object: object, path: string): string {
  let value: unknown = object;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) {
      return FALSE_WHEN_ABSENT.has(path) ? 'false' : '';
    }
    value = (value as Record<string, unknown>)[step];
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}
