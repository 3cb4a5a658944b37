import type { FieldErrors } from './field-error.ts';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_NAME = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const CONFIG_KEY = /^[-._a-zA-Z0-9]+$/;

export const DNS_LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
export const DNS_SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const NAME_PART_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY_RULE =
  "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const PORT_NAME_RULE = 'must contain only alphanumeric characters (a-z, 0-9), and hyphens (-)';

const LABEL_LENGTH = 63;
const SUBDOMAIN_LENGTH = 253;
const PORT_NAME_LENGTH = 15;

/** Why the text is not of its format; empty when it is. Wording of apimachinery's `validation` package. */
export type Format = (text: string) => string[];

export const dnsLabel: Format = (text) => [...atMost(text, LABEL_LENGTH), ...matching(text, LABEL, DNS_LABEL_RULE)];

export const dnsSubdomain: Format = (text) => [
  ...atMost(text, SUBDOMAIN_LENGTH),
  ...matching(text, SUBDOMAIN, DNS_SUBDOMAIN_RULE),
];

/** A name, or a DNS subdomain, a slash and a name: keys of labels, annotations, taints; resources; gates. */
export const qualifiedName: Format = (text) => {
  const parts = text.split('/');
  const [first = '', second] = parts;
  if (parts.length > 2) {
    return [
      `a qualified name ${NAME_PART_RULE.slice('name part '.length)} with an optional DNS subdomain prefix and '/'`,
    ];
  }
  if (second === undefined) return namePart(first);
  const prefix =
    first === '' ? ['prefix part must be non-empty'] : dnsSubdomain(first).map((why) => `prefix part ${why}`);
  return [...prefix, ...namePart(second)];
};

function namePart(text: string): string[] {
  if (text === '') return ['name part must be non-empty'];
  return [
    ...(text.length > LABEL_LENGTH ? [`name part must be no more than ${LABEL_LENGTH} bytes`] : []),
    ...matching(text, QUALIFIED_NAME, NAME_PART_RULE),
  ];
}

export const labelValue: Format = (text) =>
  text === '' ? [] : [...atMost(text, LABEL_LENGTH), ...matching(text, QUALIFIED_NAME, LABEL_VALUE_RULE)];

export const configKey: Format = (text) => {
  if (text === '.' || text === '..') return [`must not be '${text}'`];
  return [...atMost(text, SUBDOMAIN_LENGTH), ...matching(text, CONFIG_KEY, CONFIG_KEY_RULE)];
};

/** Relaxed as of Kubernetes 1.32. */
export const environmentName: Format = (text) =>
  /^[ -<>-~]+$/.test(text)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];

export const portName: Format = (text) => [
  ...atMost(text, PORT_NAME_LENGTH),
  ...matching(text, /^[-a-z0-9]+$/, PORT_NAME_RULE),
  ...(/[a-z]/.test(text) ? [] : ['must contain at least one letter (a-z)']),
  ...(text.includes('--') ? ['must not contain consecutive hyphens'] : []),
  ...(text.startsWith('-') || text.endsWith('-') ? ['must not begin or end with a hyphen'] : []),
];

export const ipAddress: Format = (text) =>
  /^\d{1,3}(\.\d{1,3}){3}$/.test(text) || /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$/.test(text)
    ? []
    : ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];

/** Base64 as Go's standard decoder takes it. */
export const base64: Format = (text) =>
  /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text.replace(/[\r\n]/g, ''))
    ? []
    : ['illegal base64 data'];

function atMost(text: string, length: number): string[] {
  return text.length > length ? [`must be no more than ${length} bytes`] : [];
}

function matching(text: string, pattern: RegExp, rule: string): string[] {
  return pattern.test(text) ? [] : [rule];
}

/** Adds an Invalid for each thing wrong with the text. */
export function checkFormat(errors: FieldErrors, field: string, text: string, format: Format): void {
  for (const why of format(text)) errors.invalid(field, text, why);
}

/** As {@link checkFormat}; an empty text is a missing one. One that is absent was reported by the schema. */
export function checkRequired(
  errors: FieldErrors,
  field: string,
  text: string | undefined,
  format: Format = any,
): void {
  if (text === '') errors.required(field);
  else if (text !== undefined) checkFormat(errors, field, text, format);
}

const any: Format = () => [];

/** As {@link checkFormat}, where there is a text. */
export function checkOptional(errors: FieldErrors, field: string, text: string | undefined, format: Format): void {
  if (text !== undefined && text !== '') checkFormat(errors, field, text, format);
}

export function checkRange(
  errors: FieldErrors,
  field: string,
  value: number | undefined,
  minimum: number,
  maximum: number = Number.POSITIVE_INFINITY,
): void {
  if (value === undefined || (value >= minimum && value <= maximum)) return;
  errors.invalid(
    field,
    value,
    maximum === Number.POSITIVE_INFINITY
      ? minimum === 1
        ? 'must be greater than zero'
        : `must be greater than or equal to ${minimum}`
      : `must be between ${minimum} and ${maximum}, inclusive`,
  );
}

/** Reports every value that occurs a second time; `''` and undefined do not count. */
export function checkUnique<T>(
  errors: FieldErrors,
  items: readonly T[] | undefined,
  fieldOf: (index: number) => string,
  keyOf: (item: T) => string | undefined,
): void {
  const seen = new Set<string>();
  for (const [index, item] of (items ?? []).entries()) {
    const key = keyOf(item);
    if (key === undefined || key === '') continue;
    if (seen.has(key)) errors.duplicate(fieldOf(index), key);
    seen.add(key);
  }
}
