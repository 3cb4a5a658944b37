import { type JsonSchema, mapSchemaOf, valuesOf } from '../model/index.ts';

type Props = Record<string, unknown>;

/** Keywords that mean the same in `JSONSchemaProps`. */
const KEPT = [
  'description',
  'default',
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'pattern',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-list-type',
  'x-kubernetes-list-map-keys',
  'x-kubernetes-map-type',
  'x-kubernetes-validations',
] as const;
/** Formats the API server knows; `quantity` and `int-or-string` are said otherwise. */
const FORMATS = ['date-time', 'int32', 'int64'];

/**
 * A schema of the model as structural OpenAPI v3 schema (`JSONSchemaProps`), as CustomResourceDefinitions take it: unions
 * of literals become enums, maps `additionalProperties`, and closed objects lose the word for it (a server prunes).
 */
export function structuralSchema(schema: JsonSchema): Props {
  const props: Props = {};
  for (const keyword of KEPT) {
    const value = (schema as Props)[keyword];
    if (value !== undefined) props[keyword] = value;
  }
  const { type, format = '' } = schema;
  if (Array.isArray(type)) {
    props['x-kubernetes-int-or-string'] = true;
    props.anyOf = [{ type: 'integer' }, { type: 'string' }];
    return props;
  }
  const values = valuesOf(schema);
  props.type = type ?? (values === undefined ? 'object' : 'string');
  if (values !== undefined) props.enum = [...values];
  if (FORMATS.includes(format)) props.format = format;
  if (schema.items !== undefined) props.items = structuralSchema(schema.items);
  if (schema.properties !== undefined) {
    props.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, structuralSchema(property)]),
    );
  }
  if (schema.required !== undefined && schema.required.length > 0) props.required = [...schema.required];
  const member = mapSchemaOf(schema);
  if (member !== undefined) props.additionalProperties = structuralSchema(member);
  return props;
}

/** The schema of a whole custom resource; its metadata is the server's own business. */
export function customResourceSchema(schema: JsonSchema): Props {
  const { properties, ...rest } = structuralSchema(schema);
  return { ...rest, properties: { ...(properties as Props), metadata: { type: 'object' } } };
}
