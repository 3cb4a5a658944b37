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
 * themselves). Empty text: no requirements. Throws `FieldSelectorInvalid`.
 */
export function parseFieldSelector(text: string): FieldRequirement[] {
  if (text.trim() === '') return [];
  return splitUnescaped(text)
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [, field, operator, value] = /^\s*([^=!\s]+)\s*(==|!=|=)(.*)$/s.exec(part) ?? [];
      if (field === undefined || operator === undefined || value === undefined) {
        throw invalid(text, `${JSON.stringify(part)} is not of the form field=value`);
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
