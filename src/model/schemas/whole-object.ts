import type { TObject, TProperties } from 'typebox';
import { described, object, text } from './fields.ts';
import { ObjectMeta } from './metadata.ts';

/** A kind's whole object: its own fields beside apiVersion, kind and metadata. */
export function wholeObject(
  kind: string,
  description: string,
  required: readonly string[],
  properties: TProperties,
): TObject {
  return object<TProperties>(kind, description, required, {
    apiVersion: text('Group and version of the schema of this object.'),
    kind: text('Kind of this object.'),
    metadata: described(ObjectMeta, "Standard object's metadata."),
    ...properties,
  });
}
