import { type TObject, type TProperties, type TSchema, Type } from 'typebox';
import { QUANTITY_PATTERN } from '../quantity.ts';

/**
 * The few shapes Kubernetes' types are made of, so that a kind reads as a list of its fields. `title` is the name of the
 * type in Kubernetes' API; every field carries the line that `kubectl explain` shows.
 */
type Options = Record<string, unknown>;

/** An object with exactly these properties; only the names in `required` must be there. */
export function object<P extends TProperties>(
  title: string,
  description: string,
  required: readonly (keyof P & string)[],
  properties: P,
  options: Options = {},
): TObject {
  const fields: Record<string, TSchema> = {};
  for (const [name, schema] of Object.entries(properties)) {
    fields[name] = (required as readonly string[]).includes(name) ? schema : Type.Optional(schema);
  }
  return Type.Object(fields, { title, description, additionalProperties: false, ...options });
}

/** The same type, described for the field it stands in. */
export function described<T extends TSchema>(schema: T, description: string, options: Options = {}): T {
  return { ...schema, ...options, description };
}

export function text(description: string, options: Options = {}): TSchema {
  return Type.String({ description, ...options });
}

export function choice(description: string, values: readonly string[]): TSchema {
  return Type.String({ description, enum: values });
}

export function integer(description: string, options: Options = {}): TSchema {
  return Type.Integer({ description, ...options });
}

export function flag(description: string): TSchema {
  return Type.Boolean({ description });
}

/** `resource.Quantity`: text or number. */
export function quantity(description: string): TSchema {
  return Type.Unsafe({ type: ['string', 'number'], format: 'quantity', pattern: QUANTITY_PATTERN, description });
}

export function intOrText(description: string): TSchema {
  return Type.Unsafe({ type: ['integer', 'string'], format: 'int-or-string', description });
}

/** `metav1.Time`. */
export function time(description: string): TSchema {
  return Type.String({ format: 'date-time', description });
}

/** `metav1.MicroTime`; written with microseconds. */
export function microTime(description: string): TSchema {
  return Type.String({ format: 'date-time', description });
}

export function textMap(description: string): TSchema {
  return Type.Record(Type.String(), Type.String(), { description });
}

export function quantities(description: string): TSchema {
  return Type.Record(Type.String(), quantity('Amount.'), { description });
}

/** An object whose fields are kept as they are, unchecked. */
export function open(description: string): TSchema {
  return Type.Unsafe({ type: 'object', description, 'x-kubernetes-preserve-unknown-fields': true });
}

export function list(items: TSchema, description: string, merging: Options): TSchema {
  return Type.Array(items, { description, ...merging });
}

/** Replaced as a whole. */
export const atomic: Options = { 'x-kubernetes-list-type': 'atomic' };

/** Merged element by element, by `key`; server-side apply tells elements apart by `mapKeys`. */
export function mergedBy(key: string, mapKeys: readonly string[] = [key], strategy = 'merge'): Options {
  return { ...keyedBy(...mapKeys), 'x-kubernetes-patch-merge-key': key, 'x-kubernetes-patch-strategy': strategy };
}

/** Replaced as a whole by a strategic merge patch, merged by server-side apply. */
export function keyedBy(...mapKeys: string[]): Options {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': mapKeys };
}

export const byName: Options = mergedBy('name');
export const byType: Options = mergedBy('type');
/** A list of scalars of which each occurs once. */
export const mergedSet: Options = { 'x-kubernetes-list-type': 'set', 'x-kubernetes-patch-strategy': 'merge' };
