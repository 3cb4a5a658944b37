import { ApiError } from '../../../kubernetes/index.ts';
import { isJsonObject, type Json, type JsonObject, jsonEqual } from './json-value.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const SET_ELEMENT_ORDER = '$setElementOrder/';
const DELETE_FROM_PRIMITIVE_LIST = '$deleteFromPrimitiveList/';

/** What a patch needs to know of a kind's schema. A list merges when its strategy says so: by key, or as a set. */
export interface PatchSchema {
  properties?: Readonly<Record<string, PatchSchema>>;
  additionalProperties?: boolean | PatchSchema;
  items?: PatchSchema;
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-patch-merge-key'?: string;
}

/**
 * Applies a strategic merge patch, as k8s.io/apimachinery `strategicpatch` does: maps are merged, `null` removes, lists
 * that have a merge key (or are sets) are merged by it, others replaced. Understands `$patch: replace|delete|merge`,
 * `$retainKeys`, `$setElementOrder/<field>` and `$deleteFromPrimitiveList/<field>`. `original` stays as it is.
 * @param schema of the kind; where it ends, lists are replaced
 * @throws ApiError BadRequest when a directive is malformed or a list item lacks its merge key
 */
export function applyStrategicMergePatch(original: JsonObject, patch: JsonObject, schema: PatchSchema): JsonObject {
  return mergeObject(structuredClone(original), structuredClone(patch), schema);
}

function mergeObject(original: JsonObject, patch: JsonObject, schema: PatchSchema | undefined): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive !== undefined) {
    delete patch[DIRECTIVE];
    if (directive === 'replace') return withoutDirectives(patch);
    if (directive === 'delete') return {};
    if (directive !== 'merge')
      throw malformed(`${DIRECTIVE} must be replace, delete or merge, not ${JSON.stringify(directive)}`);
  }
  retainKeys(original, patch);
  for (const [member, value] of Object.entries(patch)) {
    if (member.startsWith(DELETE_FROM_PRIMITIVE_LIST)) {
      deleteValues(original, member.slice(DELETE_FROM_PRIMITIVE_LIST.length), value);
    }
  }
  for (const [field, value] of Object.entries(patch)) {
    if (field.startsWith('$') || field === '__proto__') continue;
    if (value === null) {
      delete original[field];
      continue;
    }
    const order = patch[SET_ELEMENT_ORDER + field];
    original[field] = mergeField(original[field], value, { field, order, schema: fieldSchema(schema, field) });
  }
  // An order may come without the list itself, when items only changed places.
  for (const [member, order] of Object.entries(patch)) {
    if (!member.startsWith(SET_ELEMENT_ORDER)) continue;
    const field = member.slice(SET_ELEMENT_ORDER.length);
    const list = original[field];
    if (patch[field] !== undefined || !Array.isArray(list)) continue;
    original[field] = ordered(list, list, order, fieldSchema(schema, field));
  }
  return original;
}

interface Field {
  field: string;
  order: Json | undefined;
  schema: PatchSchema | undefined;
}

function fieldSchema(schema: PatchSchema | undefined, field: string): PatchSchema | undefined {
  const { properties = {}, additionalProperties } = schema ?? {};
  if (Object.hasOwn(properties, field)) return properties[field];
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
}

function isMerged(schema: PatchSchema | undefined): schema is PatchSchema {
  return schema?.['x-kubernetes-patch-strategy']?.split(',').includes('merge') === true;
}

function mergeField(original: Json | undefined, value: Json, { field, order, schema }: Field): Json {
  if (isJsonObject(value)) {
    return isJsonObject(original) ? mergeObject(original, value, schema) : withoutDirectives(value);
  }
  if (!Array.isArray(value)) return value;
  if (!isMerged(schema)) return value.map(stripped);
  const list = Array.isArray(original) ? original : [];
  return ordered(mergeList([...list], value, schema, field), list, order, schema);
}

function mergeList(list: Json[], patch: Json[], schema: PatchSchema, field: string): Json[] {
  const key = schema['x-kubernetes-patch-merge-key'];
  if (key === undefined) {
    for (const value of patch) if (!list.some((item) => jsonEqual(item, value))) list.push(value);
    return list;
  }
  if (patch.some((item) => isJsonObject(item) && item[DIRECTIVE] === 'replace')) {
    return patch.filter((item) => !(isJsonObject(item) && item[DIRECTIVE] === 'replace')).map(stripped);
  }
  let merged = list;
  for (const item of patch) {
    if (!isJsonObject(item)) throw malformed(`items of ${field} must be objects`);
    const identity = item[key];
    if (identity === undefined || identity === null) {
      throw malformed(`an item of ${field} has no ${key}, by which its items are merged: ${JSON.stringify(item)}`);
    }
    const isSame = (other: Json): boolean => isJsonObject(other) && jsonEqual(other[key], identity);
    if (item[DIRECTIVE] === 'delete') {
      merged = merged.filter((other) => !isSame(other));
      continue;
    }
    const at = merged.findIndex(isSame);
    const existing = merged[at];
    if (isJsonObject(existing)) merged[at] = mergeObject(existing, item, schema.items);
    else merged.push(withoutDirectives(item));
  }
  return merged;
}

/**
 * Puts the items named by `$setElementOrder` in that order. Items it does not name (made by somebody else) keep their
 * place relative to the ones that were there before.
 */
function ordered(merged: Json[], before: Json[], order: Json | undefined, schema: PatchSchema | undefined): Json[] {
  if (order === undefined || !isMerged(schema)) return merged;
  if (!Array.isArray(order)) throw malformed('$setElementOrder must be a list');
  const key = schema['x-kubernetes-patch-merge-key'];
  const identity = (item: Json): Json => (key !== undefined && isJsonObject(item) ? (item[key] ?? null) : item);
  const place = (list: Json[], item: Json): number =>
    list.findIndex((other) => jsonEqual(identity(other), identity(item)));
  const named = merged.filter((item) => place(order, item) >= 0);
  named.sort((left, right) => place(order, left) - place(order, right));
  const others = merged.filter((item) => place(order, item) < 0);
  const result: Json[] = [];
  let next = 0;
  for (const item of others) {
    const limit = place(before, item);
    while (next < named.length) {
      const candidate = named[next] ?? null;
      const at = place(before, candidate);
      if (limit >= 0 && at >= 0 && limit < at) break;
      result.push(candidate);
      next++;
    }
    result.push(item);
  }
  return [...result, ...named.slice(next)];
}

function retainKeys(original: JsonObject, patch: JsonObject): void {
  const retained = patch[RETAIN_KEYS];
  if (retained === undefined) return;
  if (!Array.isArray(retained)) throw malformed(`${RETAIN_KEYS} must be a list of field names`);
  for (const [field, value] of Object.entries(patch)) {
    if (!field.startsWith('$') && value !== null && !retained.includes(field)) {
      throw malformed(`${RETAIN_KEYS} does not name ${field}, which the patch sets`);
    }
  }
  for (const field of Object.keys(original)) if (!retained.includes(field)) delete original[field];
}

function deleteValues(original: JsonObject, field: string, values: Json): void {
  if (!Array.isArray(values)) throw malformed(`${DELETE_FROM_PRIMITIVE_LIST}${field} must be a list`);
  const list = original[field];
  if (!Array.isArray(list)) return;
  original[field] = list.filter((item) => !values.some((value) => jsonEqual(value, item)));
}

/** What a patch adds where nothing was: without directives, nulls, and items marked for deletion. */
function stripped(value: Json): Json {
  if (Array.isArray(value)) {
    return value.filter((item) => !(isJsonObject(item) && item[DIRECTIVE] === 'delete')).map(stripped);
  }
  return isJsonObject(value) ? withoutDirectives(value) : value;
}

function withoutDirectives(object: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const [member, value] of Object.entries(object)) {
    if (value === null || isDirective(member)) continue;
    result[member] = stripped(value);
  }
  return result;
}

function isDirective(member: string): boolean {
  return (
    member === DIRECTIVE ||
    member === RETAIN_KEYS ||
    member.startsWith(SET_ELEMENT_ORDER) ||
    member.startsWith(DELETE_FROM_PRIMITIVE_LIST)
  );
}

function malformed(reason: string): ApiError {
  return new ApiError('BadRequest', `invalid strategic merge patch: ${reason}`);
}
