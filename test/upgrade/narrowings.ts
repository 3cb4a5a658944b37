/** Of OpenAPI v3, what definitions use. */
export interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-validations'?: { rule: string }[];
}

const LOWER = ['minimum', 'minLength', 'minItems'] as const;
const UPPER = ['maximum', 'maxLength', 'maxItems'] as const;

/** Where an object that the schema before allows could be refused, or lose a field, under the schema after. */
export function narrowings(before: Schema, after: Schema, path = ''): string[] {
  if (after['x-kubernetes-preserve-unknown-fields'] === true && after.properties === undefined) return [];
  const found: string[] = [];
  const at = path === '' ? '.' : path;
  if (before.type !== after.type) found.push(`${at}: type ${before.type} became ${after.type}`);
  for (const name of after.required ?? []) {
    if (before.required?.includes(name) !== true) found.push(`${at}: ${name} became required`);
  }
  if (after.enum !== undefined && !(before.enum ?? [undefined]).every((value) => after.enum?.includes(value))) {
    found.push(`${at}: fewer values`);
  }
  if (after.pattern !== undefined && after.pattern !== before.pattern) found.push(`${at}: pattern`);
  for (const bound of LOWER)
    if ((after[bound] ?? -Infinity) > (before[bound] ?? -Infinity)) found.push(`${at}: ${bound}`);
  for (const bound of UPPER)
    if ((after[bound] ?? Infinity) < (before[bound] ?? Infinity)) found.push(`${at}: ${bound}`);
  const rules = (before['x-kubernetes-validations'] ?? []).map(({ rule }) => rule);
  for (const { rule } of after['x-kubernetes-validations'] ?? [])
    if (!rules.includes(rule)) found.push(`${at}: rule ${rule}`);
  for (const [name, schema] of Object.entries(before.properties ?? {})) {
    const next = after.properties?.[name];
    if (next !== undefined) found.push(...narrowings(schema, next, `${path}.${name}`));
    else if (after['x-kubernetes-preserve-unknown-fields'] !== true) found.push(`${at}: ${name} is gone`);
  }
  if (before.items !== undefined && after.items !== undefined)
    found.push(...narrowings(before.items, after.items, `${path}[]`));
  if (typeof before.additionalProperties === 'object' && typeof after.additionalProperties === 'object') {
    found.push(...narrowings(before.additionalProperties, after.additionalProperties, `${path}{}`));
  }
  return found;
}
