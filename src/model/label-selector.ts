import { FermataError } from './errors.ts';

/** `metav1.LabelSelector`. An empty one matches everything. */
export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: LabelSelectorRequirement[];
}

export interface LabelSelectorRequirement {
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: string[];
}

/** One requirement of a selector in text form; all of them must hold. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

/** Whether `labels` satisfy the selector; an absent one matches everything. */
export function matchesLabelSelector(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (selector === undefined) return true;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (labelOf(labels, key) !== value) return false;
  }
  return (selector.matchExpressions ?? []).every(({ key, operator, values }) =>
    holds({ key, operator, values: values ?? [] }, labels),
  );
}

/** Whether `labels` satisfy every requirement. */
export function matchesLabels(requirements: readonly LabelRequirement[], labels: Labels | undefined): boolean {
  return requirements.every((requirement) => holds(requirement, labels));
}

function labelOf(labels: Labels | undefined, key: string): string | undefined {
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function holds({ key, operator, values }: LabelRequirement, labels: Labels | undefined): boolean {
  return meets(labelOf(labels, key), operator, values);
}

/**
 * Whether a label's value (undefined: it has none) is as the operator wants it. `Gt` and `Lt` compare integers, and only those;
 * nothing is as an operator wants it that there is not.
 */
export function meets(value: string | undefined, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Gt':
      return areIntegers(value, values) && Number(value) > Number(values[0]);
    case 'Lt':
      return areIntegers(value, values) && Number(value) < Number(values[0]);
    default:
      return false;
  }
}

function areIntegers(value: string | undefined, values: readonly string[]): boolean {
  return isInteger(value) && values.length === 1 && isInteger(values[0]);
}

function isInteger(value: string | undefined): boolean {
  return value !== undefined && /^[+-]?[0-9]+$/.test(value);
}

const TOKENS = /==|!=|[=!<>(),]|[^\s=!<>(),]+/g;
const SYMBOLS = new Set(['=', '==', '!=', '!', '<', '>', '(', ')', ',']);

/**
 * Reads a selector as `kubectl -l` takes it: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x,y)`, `a`, `!a`, `a>1`, `a<1`,
 * joined by commas. Empty text: no requirements, which everything satisfies. Throws `LabelSelectorInvalid`.
 */
export function parseLabelSelector(text: string): LabelRequirement[] {
  return new LabelSelectorParser(text).parse();
}

class LabelSelectorParser {
  private readonly text: string;
  private readonly tokens: readonly string[];
  private position = 0;

  constructor(text: string) {
    this.text = text;
    this.tokens = text.match(TOKENS) ?? [];
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    if (this.tokens.length === 0) return requirements;
    for (;;) {
      requirements.push(this.requirement());
      const next = this.take();
      if (next === undefined) return requirements;
      if (next !== ',') throw this.unexpected(next, "',' or the end");
    }
  }

  private requirement(): LabelRequirement {
    const negated = this.accept('!');
    const key = this.word('a label key');
    this.check(isLabelKey(key), `${JSON.stringify(key)} is not a label key`);
    if (negated) return { key, operator: 'DoesNotExist', values: [] };
    const next = this.tokens[this.position];
    if (next === undefined || next === ',') return { key, operator: 'Exists', values: [] };
    this.position += 1;
    switch (next) {
      case '=':
      case '==':
        return { key, operator: 'In', values: [this.value()] };
      case '!=':
        return { key, operator: 'NotIn', values: [this.value()] };
      case '>':
      case '<': {
        const bound = this.word('an integer');
        this.check(isInteger(bound), `${JSON.stringify(bound)} is not an integer, which '${next}' compares with`);
        return { key, operator: next === '>' ? 'Gt' : 'Lt', values: [bound] };
      }
      case 'in':
        return { key, operator: 'In', values: this.list() };
      case 'notin':
        return { key, operator: 'NotIn', values: this.list() };
      default:
        throw this.unexpected(next, 'in, notin, =, ==, !=, <, >');
    }
  }

  private list(): string[] {
    if (!this.accept('(')) throw this.unexpected(this.tokens[this.position], "'('");
    const values: string[] = [];
    for (;;) {
      values.push(this.value());
      const next = this.take();
      if (next === ')') return values;
      if (next !== ',') throw this.unexpected(next, "',' or ')'");
    }
  }

  /** A label value; may be empty (`a=`, `a in (x,)`). */
  private value(): string {
    const next = this.tokens[this.position];
    if (next === undefined || next === ',' || next === ')') return '';
    const value = this.word('a label value');
    this.check(isLabelValue(value), `${JSON.stringify(value)} is not a label value`);
    return value;
  }

  private word(expected: string): string {
    const next = this.take();
    if (next === undefined || SYMBOLS.has(next)) throw this.unexpected(next, expected);
    return next;
  }

  private accept(token: string): boolean {
    if (this.tokens[this.position] !== token) return false;
    this.position += 1;
    return true;
  }

  private take(): string | undefined {
    const token = this.tokens[this.position];
    this.position += 1;
    return token;
  }

  private check(condition: boolean, why: string): void {
    if (!condition) throw this.invalid(why);
  }

  private unexpected(found: string | undefined, expected: string): FermataError {
    return this.invalid(`found ${found === undefined ? 'the end' : `'${found}'`}, expected ${expected}`);
  }

  private invalid(why: string): FermataError {
    return new FermataError(
      'LabelSelectorInvalid',
      `unable to parse requirement: label selector ${JSON.stringify(this.text)}: ${why}`,
      { nextStep: "Write it like 'app=web,tier in (a,b),!legacy'." },
    );
  }
}

const NAME_PART = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** A qualified name: an optional DNS prefix and a name of at most 63 characters. */
export function isLabelKey(key: string): boolean {
  const [prefix, name, ...rest] = key.includes('/') ? key.split('/') : [undefined, key];
  if (rest.length > 0 || name === undefined || !NAME_PART.test(name)) return false;
  return prefix === undefined || (prefix.length <= 253 && DNS_SUBDOMAIN.test(prefix));
}

export function isLabelValue(value: string): boolean {
  return value === '' || NAME_PART.test(value);
}
