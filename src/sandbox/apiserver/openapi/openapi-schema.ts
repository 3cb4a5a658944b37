/** A schema object of OpenAPI 2 or 3, as far as Kubernetes' clients read it. */
export interface OpenApiSchema {
  $ref?: string;
  type?: string;
  format?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, OpenApiSchema>;
  additionalProperties?: OpenApiSchema | boolean;
  items?: OpenApiSchema;
  allOf?: OpenApiSchema[];
  oneOf?: OpenApiSchema[];
  [keyword: string]: unknown;
}

/** Of JSON Schema, what models and CustomResourceDefinitions are written with. */
export interface JsonSchema {
  title?: string;
  type?: string | string[];
  format?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  patternProperties?: Record<string, JsonSchema>;
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema | JsonSchema[];
  [keyword: string]: unknown;
}

/** Keywords that mean the same in all three languages. */
const SHARED_KEYWORDS = [
  'description',
  'default',
  'format',
  'pattern',
  'minimum',
  'maximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'minProperties',
  'maxProperties',
  'required',
];
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
/** Types that all groups share, whatever kind they are found in. */
const META_TYPES = new Set(['ObjectMeta', 'ListMeta', 'OwnerReference', 'LabelSelector', 'LabelSelectorRequirement']);

/**
 * The named types of one OpenAPI document. A schema with a `title` becomes a definition of its own, so that clients show
 * `<[]Container>` and the document stays small.
 */
export class Definitions {
  readonly schemas: Record<string, OpenApiSchema> = {};
  readonly #version: 2 | 3;
  readonly #objectMeta: JsonSchema;
  /** What each definition was made from: two types of one title are one only when they are the same. */
  readonly #sources = new Map<string, string>();

  /** @param objectMeta schema of every object's `metadata` */
  constructor(version: 2 | 3, objectMeta: JsonSchema) {
    this.#version = version;
    this.#objectMeta = objectMeta;
  }

  /** `$ref` of a definition. */
  ref(name: string): string {
    return this.#version === 2 ? `#/definitions/${name}` : `#/components/schemas/${name}`;
  }

  /** @param scope package of the types found in it, e.g. `io.k8s.api.core.v1` */
  convert(source: JsonSchema, scope: string): OpenApiSchema {
    const named = this.#named(source, scope);
    if (named === undefined) return this.#inline(source, scope);
    const { description, default: value } = source;
    const reference: OpenApiSchema = { $ref: this.ref(named) };
    // OpenAPI 3.0 ignores what stands beside a $ref; kube-apiserver wraps it in allOf.
    const result: OpenApiSchema = this.#version === 2 ? reference : { allOf: [reference] };
    // What the type says of itself need not be said again.
    if (typeof description === 'string' && description !== this.schemas[named]?.description) {
      result.description = description;
    }
    if (value !== undefined) result.default = value;
    return result;
  }

  /** The whole type of a kind, with its apiVersion, kind and metadata. */
  defineKind(name: string, source: JsonSchema, scope: string, extensions: object): void {
    const schema = this.#inline(source, scope);
    const properties = {
      apiVersion: { type: 'string', description: 'Versioned schema of this representation of an object.' },
      kind: { type: 'string', description: 'What the object is; cannot be changed.' },
      // The schema of a custom kind says nothing of what every object has.
      metadata: this.convert(this.#objectMeta, scope),
      ...schema.properties,
    };
    this.schemas[name] = { ...schema, type: 'object', properties, ...extensions };
  }

  #named(source: JsonSchema, scope: string): string | undefined {
    if (source.format === 'quantity') return this.#define(QUANTITY, '', () => this.#quantity());
    if (source.format === 'int-or-string' || source['x-kubernetes-int-or-string'] === true) {
      return this.#define(INT_OR_STRING, '', () => this.#intOrString());
    }
    const { title } = source;
    if (title === undefined || source.properties === undefined) return undefined;
    const name = `${META_TYPES.has(title) ? META : scope}.${title}`;
    const { description: _field, default: _value, ...shape } = source;
    return this.#define(name, JSON.stringify(shape), () => this.#inline(source, scope));
  }

  /** The name, or undefined when it stands for another type already. */
  #define(name: string, source: string, make: () => OpenApiSchema): string | undefined {
    const known = this.#sources.get(name);
    if (known !== undefined) return known === source ? name : undefined;
    this.#sources.set(name, source);
    this.schemas[name] = make();
    return name;
  }

  #quantity(): OpenApiSchema {
    const description = 'An amount, as a number or with a suffix: 100m, 0.5, 2, 64Mi, 2Gi, 1e3.';
    return this.#version === 2
      ? { type: 'string', description }
      : { description, oneOf: [{ type: 'string' }, { type: 'number' }] };
  }

  #intOrString(): OpenApiSchema {
    const base = { description: 'A number or a text, e.g. 3 or 25%.', format: 'int-or-string' };
    return this.#version === 2
      ? { ...base, type: 'string' }
      : { ...base, oneOf: [{ type: 'integer' }, { type: 'string' }] };
  }

  #inline(source: JsonSchema, scope: string): OpenApiSchema {
    const result: OpenApiSchema = {};
    for (const keyword of SHARED_KEYWORDS) if (source[keyword] !== undefined) result[keyword] = source[keyword];
    for (const [keyword, value] of Object.entries(source))
      if (keyword.startsWith('x-kubernetes-')) result[keyword] = value;
    const choices = choicesOf(source);
    const type = choices === undefined ? source.type : typeof choices[0];
    // Several types: any value; every server has checked it better than a client can.
    if (typeof type === 'string') result.type = type;
    else delete result.format;
    if (choices !== undefined) result.enum = choices;
    if (this.#version === 2 && source['x-kubernetes-preserve-unknown-fields'] === true) return result;
    if (source.properties !== undefined) {
      const entries = Object.entries(source.properties);
      result.properties = Object.fromEntries(entries.map(([name, value]) => [name, this.convert(value, scope)]));
    }
    const values = valuesOf(source);
    if (values !== undefined) result.additionalProperties = this.convert(values, scope);
    if (result.type === 'array') {
      const items = Array.isArray(source.items) ? source.items[0] : source.items;
      result.items = this.convert(items ?? {}, scope);
    }
    return result;
  }
}

/** `enum`, `const`, or an `anyOf` of constants. */
function choicesOf(source: JsonSchema): unknown[] | undefined {
  if (source.enum !== undefined) return source.enum;
  if (source.const !== undefined) return [source.const];
  const { anyOf } = source;
  if (anyOf === undefined || !anyOf.every((part) => part.const !== undefined)) return undefined;
  return anyOf.map((part) => part.const);
}

/** Schema of a map's values. */
function valuesOf({ additionalProperties, patternProperties }: JsonSchema): JsonSchema | undefined {
  if (typeof additionalProperties === 'object') return additionalProperties;
  return Object.values(patternProperties ?? {})[0];
}
