/** A structural OpenAPI v3 schema, as far as pruning and defaulting read it. */
export interface StructuralSchema {
  type?: string;
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: boolean | StructuralSchema;
  /** TypeBox writes maps this way; the pattern matches every key. */
  patternProperties?: Record<string, StructuralSchema>;
  items?: StructuralSchema;
  default?: unknown;
  nullable?: boolean;
  required?: string[];
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-validations'?: { rule: string; message?: string }[];
}

type Members = Record<string, unknown>;

function isRecord(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The value without fields its schema does not know and without nulls it does not allow, and with defaults filled in, in
 * the way of kube-apiserver's custom resources. Paths of unknown fields are added to `unknown`. `done` is an earlier
 * result: parts taken over from it by reference are left as they are.
 */
export function structured(
  value: unknown,
  schema: StructuralSchema,
  path: string,
  unknown: string[],
  done?: unknown,
): unknown {
  if (value === done || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return value;
    const before: readonly unknown[] = Array.isArray(done) ? done : [];
    return value.map((item, index) => structured(item, items, `${path}[${index}]`, unknown, before[index]));
  }
  return structuredRecord(value as Members, schema, path, unknown, isRecord(done) ? done : {});
}

function structuredRecord(
  value: Members,
  schema: StructuralSchema,
  path: string,
  unknown: string[],
  done: Members,
): Members {
  const { properties = {}, additionalProperties } = schema;
  const result: Members = {};
  const others =
    typeof additionalProperties === 'object' ? additionalProperties : Object.values(schema.patternProperties ?? {})[0];
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === undefined) continue;
    const memberPath = path === '' ? name : `${path}.${name}`;
    const memberSchema = (Object.hasOwn(properties, name) ? properties[name] : undefined) ?? others;
    if (memberSchema !== undefined) {
      if (member === null && memberSchema.nullable !== true) continue;
      result[name] = structured(member, memberSchema, memberPath, unknown, done[name]);
    } else if (keepsUnknown(schema, name)) {
      result[name] = member;
    } else {
      unknown.push(memberPath);
    }
  }
  for (const [name, property] of Object.entries(properties)) {
    if (property.default === undefined || result[name] !== undefined) continue;
    // A default may itself lack defaults of its members.
    result[name] = structured(property.default, property, path === '' ? name : `${path}.${name}`, unknown);
  }
  return result;
}

function keepsUnknown(schema: StructuralSchema, name: string): boolean {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true) return true;
  if (schema['x-kubernetes-embedded-resource'] !== true) return false;
  return name === 'apiVersion' || name === 'kind' || name === 'metadata';
}

/**
 * Paths, as lists of members, of what the rule `self == oldSelf` makes immutable: the one CEL rule understood here, and by
 * far the commonest.
 */
export function immutablePaths(schema: StructuralSchema, path: readonly string[] = []): string[][] {
  const own = (schema['x-kubernetes-validations'] ?? []).some(({ rule }) => rule.trim() === 'self == oldSelf');
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, property]) =>
    immutablePaths(property, [...path, name]),
  );
  return own ? [[...path], ...below] : below;
}

/** The schema as plain JSON Schema: `nullable`, `int-or-string` and boolean exclusive bounds said in its words. */
export function jsonSchemaOf(schema: object): object {
  const source = schema as Members;
  const result: Members = {};
  for (const [name, member] of Object.entries(source)) {
    if (name === 'properties' && isRecord(member)) {
      result[name] = Object.fromEntries(
        Object.entries(member).map(([key, property]) => [key, isRecord(property) ? jsonSchemaOf(property) : property]),
      );
    } else if (['items', 'additionalProperties', 'not'].includes(name) && isRecord(member)) {
      result[name] = jsonSchemaOf(member);
    } else if (['anyOf', 'allOf', 'oneOf'].includes(name) && Array.isArray(member)) {
      result[name] = member.map((part: unknown) => (isRecord(part) ? jsonSchemaOf(part) : part));
    } else if (!name.startsWith('x-') && !['nullable', 'default', 'description', 'example'].includes(name)) {
      result[name] = member;
    }
  }
  exclusiveBound(result, 'exclusiveMinimum', 'minimum');
  exclusiveBound(result, 'exclusiveMaximum', 'maximum');
  if (source['x-kubernetes-int-or-string'] === true) {
    delete result.type;
    result.anyOf = [{ type: 'integer' }, { type: 'string' }];
  }
  return source.nullable === true ? { anyOf: [{ type: 'null' }, result] } : result;
}

function exclusiveBound(schema: Members, exclusive: string, bound: string): void {
  if (schema[exclusive] === true) {
    schema[exclusive] = schema[bound];
    delete schema[bound];
  } else if (schema[exclusive] === false) {
    delete schema[exclusive];
  }
}
