import { reasonOf } from '../errors.ts';
import { canonicalQuantity, parseQuantity, QUANTITY_PATTERN } from '../quantity.ts';
import type { FieldErrors } from './field-error.ts';

/** The part of JSON Schema that the schemas of this project use. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly format?: string;
  /** A regular expression that Go's RE2 and JavaScript read alike. */
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly title?: string;
  readonly description?: string;
  readonly [extension: `x-${string}`]: unknown;
}

type Members = Record<string, unknown>;

/** Where a check writes what it finds. */
export interface Findings {
  readonly errors: FieldErrors;
  /** Paths of fields that the schema does not know. */
  readonly unknownFields: string[];
}

/**
 * Checks the value against the schema and returns it as a server keeps it: without nulls and unknown fields, quantities in
 * canonical form. The value itself is not changed; what needs no change is shared.
 *
 * @param known what stood in its place before, and was checked then: parts that are still the same are not looked at again
 * (most writes change a few conditions of a large object)
 */
export function checked(
  schema: JsonSchema,
  value: unknown,
  field: string,
  findings: Findings,
  known?: unknown,
): unknown {
  if (value === known && value !== undefined) return value;
  if (!hasType(schema, value)) {
    findings.errors.typeInvalid(field, value, typesOf(schema).join(' or '));
    return value;
  }
  if (typeof value === 'string') return checkedText(schema, value, field, findings);
  if (typeof value === 'number') return checkedNumber(schema, value, field, findings);
  if (Array.isArray(value)) return checkedList(schema, value, field, findings, known);
  if (isMembers(value)) return checkedObject(schema, value, field, findings, known);
  return value;
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Values of a schema that lists them, either way of writing it. */
export function valuesOf(schema: JsonSchema): readonly unknown[] | undefined {
  if (schema.enum !== undefined) return schema.enum;
  if (schema.anyOf?.every((member) => member.const !== undefined)) return schema.anyOf.map((member) => member.const);
  return undefined;
}

/** Every write of a server asks this for every value: worked out once a schema. */
const typesBySchema = new WeakMap<JsonSchema, readonly string[]>();

function typesOf(schema: JsonSchema): readonly string[] {
  let types = typesBySchema.get(schema);
  if (types === undefined) {
    types = [schema.type ?? (valuesOf(schema) === undefined ? [] : 'string')].flat();
    typesBySchema.set(schema, types);
  }
  return types;
}

function hasType(schema: JsonSchema, value: unknown): boolean {
  if (typeof schema.type === 'string') return isOfType(schema.type, value);
  const types = typesOf(schema);
  if (types.length === 0) return true;
  for (const type of types) if (isOfType(type, value)) return true;
  return false;
}

function isOfType(type: string, value: unknown): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isMembers(value);
    default:
      return typeof value === type;
  }
}

function checkedText(schema: JsonSchema, value: string, field: string, { errors }: Findings): unknown {
  const supported = valuesOf(schema);
  // An empty string counts as not set, as Go's zero value does.
  if (supported !== undefined && value !== '' && !supported.includes(value)) {
    errors.notSupported(field, value, [...supported.filter((one) => one !== '')].sort());
  }
  if (schema.maxLength !== undefined && value.length > schema.maxLength) errors.tooLong(field, schema.maxLength);
  if (value.length < (schema.minLength ?? 0)) {
    errors.invalid(field, value, `${field} in body should be at least ${schema.minLength} chars long`);
  }
  if (schema.format === 'quantity') return checkedQuantity(value, field, errors);
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) {
    errors.invalid(field, value, `${field} in body should match '${schema.pattern}'`);
  }
  if (schema.format === 'date-time' && Number.isNaN(Date.parse(value))) {
    errors.invalid(field, value, `${field} in body must be of type date-time: ${JSON.stringify(value)}`);
  }
  return value;
}

function checkedNumber(schema: JsonSchema, value: number, field: string, { errors }: Findings): unknown {
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  if (value < minimum) errors.invalid(field, value, `${field} in body should be greater than or equal to ${minimum}`);
  if (value > maximum) errors.invalid(field, value, `${field} in body should be less than or equal to ${maximum}`);
  if (schema.format === 'int32' && (value > 2_147_483_647 || value < -2_147_483_648)) {
    errors.invalid(field, value, 'must fit into 32 bits');
  }
  return schema.format === 'quantity' ? checkedQuantity(value, field, errors) : value;
}

/** A refused quantity is told with Kubernetes' sentence first and then the suggestion (`did you mean "2Gi"`). */
function checkedQuantity(value: string | number, field: string, errors: FieldErrors): unknown {
  try {
    parseQuantity(value);
  } catch (error) {
    const [, detail = `quantities must match the regular expression '${QUANTITY_PATTERN}'`] =
      /is not valid: (.*)$/s.exec(reasonOf(error)) ?? [];
    errors.invalid(field, value, detail);
    return value;
  }
  return canonicalQuantity(value);
}

function checkedList(schema: JsonSchema, value: unknown[], field: string, findings: Findings, known: unknown): unknown {
  const { items } = schema;
  if (items === undefined) return value;
  const before: readonly unknown[] = Array.isArray(known) ? known : [];
  let changed = false;
  const result = value.map((item, index) => {
    if (item === before[index] && item !== undefined) return item;
    const kept = checked(items, item, `${field}[${index}]`, findings, before[index]);
    changed ||= kept !== item;
    return kept;
  });
  return changed ? result : value;
}

function checkedObject(schema: JsonSchema, value: Members, field: string, findings: Findings, known: unknown): unknown {
  const { properties, required = [] } = schema;
  const rest = mapSchemaOf(schema);
  if (properties === undefined && rest === undefined) return value;
  const before = isMembers(known) ? known : {};
  const names = Object.keys(value);
  /** Made when something is found that cannot stay as it is. */
  let result: Members | undefined;
  for (const [index, name] of names.entries()) {
    const member = value[name];
    if (member === before[name] && member !== undefined && name !== '__proto__') {
      if (result !== undefined) result[name] = member;
      continue;
    }
    const property = properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined;
    const memberSchema = property ?? rest;
    if (memberSchema !== undefined && member !== null && member !== undefined) {
      const path = property === undefined ? `${field}[${name}]` : childOf(field, name);
      const kept = checked(memberSchema, member, path, findings, before[name]);
      if (kept !== member) result ??= firstMembers(value, names, index);
      if (result !== undefined) setMember(result, name, kept);
    } else if (memberSchema === undefined && schema['x-kubernetes-preserve-unknown-fields'] === true) {
      if (result !== undefined) setMember(result, name, member);
    } else {
      if (memberSchema === undefined) findings.unknownFields.push(childOf(field, name));
      result ??= firstMembers(value, names, index);
    }
  }
  const object = result ?? value;
  for (const name of required) {
    if (object[name] === undefined) findings.errors.required(childOf(field, name));
  }
  return object;
}

function firstMembers(value: Members, names: readonly string[], count: number): Members {
  const result: Members = {};
  for (const name of names.slice(0, count)) setMember(result, name, value[name]);
  return result;
}

function setMember(object: Members, name: string, value: unknown): void {
  // defineProperty: a key called __proto__ must stay a key.
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[name] = value;
  }
}

function childOf(field: string, name: string): string {
  return field === '' ? name : `${field}.${name}`;
}

/** Schema of the values of a map. */
export function mapSchemaOf(schema: JsonSchema): JsonSchema | undefined {
  const pattern = schema.patternProperties === undefined ? undefined : Object.values(schema.patternProperties)[0];
  return pattern ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined);
}

/** The value with the schema's defaults put in where something is missing, at any depth; the value is not changed. */
export function withSchemaDefaults(schema: JsonSchema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item) => withSchemaDefaults(items, item));
  }
  if (!isMembers(value) || schema.properties === undefined) return value;
  const result: Members = { ...value };
  for (const [name, property] of Object.entries(schema.properties)) {
    const member = result[name] ?? property.default;
    if (member !== undefined) result[name] = withSchemaDefaults(property, member);
  }
  return result;
}
