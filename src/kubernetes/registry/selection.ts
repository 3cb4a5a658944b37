import {
  apiVersionOf,
  type FieldRequirement,
  type KubeObject,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  reasonOf,
} from '../../model/index.ts';
import type { Kind } from './kinds.ts';
import { badRequest } from './refusals.ts';

/** Which objects of a kind a list or watch is about. */
export interface Selection {
  namespace: string | undefined;
  /** Whether a label or field selector narrows it. */
  filtered: boolean;
  matches(object: KubeObject): boolean;
}

/** Throws BadRequest for a selector that cannot be read or names a field the kind cannot be selected by. */
export function selectionOf(
  kind: Kind,
  options: { namespace?: string | undefined; labelSelector?: string; fieldSelector?: string },
): Selection {
  // An empty namespace means all, as in client-go.
  const namespace = kind.type.namespaced && options.namespace !== '' ? options.namespace : undefined;
  const labels = readable(() => parseLabelSelector(options.labelSelector ?? ''));
  const fields = readable(() => parseFieldSelector(options.fieldSelector ?? '')).map((requirement) =>
    compiled(kind, requirement),
  );
  const filtered = labels.length > 0 || fields.length > 0;
  return {
    namespace,
    filtered,
    matches: (object) => {
      if (namespace !== undefined && object.metadata.namespace !== namespace) return false;
      if (!filtered) return true;
      return fields.every((holds) => holds(object)) && matchesLabels(labels, object.metadata.labels);
    },
  };
}

function readable<R>(read: () => R): R {
  try {
    return read();
  } catch (error) {
    throw badRequest(reasonOf(error));
  }
}

/** Where Kubernetes' name of a field differs from its place in the object. */
const FIELD_PATHS: Readonly<Record<string, string>> = { 'Event source': 'source.component' };
/** Booleans that are left out of an object when false, but selected as `false`. */
const FALSE_WHEN_ABSENT: ReadonlySet<string> = new Set(['spec.unschedulable', 'spec.hostNetwork']);

function compiled(kind: Kind, { field, operator, value }: FieldRequirement): (object: KubeObject) => boolean {
  const known = field === 'metadata.name' || field === 'metadata.namespace' || kind.selectableFields.includes(field);
  if (!known) throw badRequest(`field label not supported: ${field}`);
  const path = (FIELD_PATHS[`${kind.type.kind} ${field}`] ?? field).split('.');
  const absent = FALSE_WHEN_ABSENT.has(field) ? 'false' : '';
  const wanted = operator === '=';
  return (object) => (textAt(object, path, absent) === value) === wanted;
}

function textAt(object: KubeObject, path: readonly string[], absent: string): string {
  let value: unknown = object;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return absent;
    value = (value as Record<string, unknown>)[step];
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : absent;
}

/** The object in the version that was asked for: versions of a kind differ in nothing but their name (conversion `None`). */
export function presented<T extends KubeObject>(kind: Kind<T>, object: KubeObject): T {
  const apiVersion = apiVersionOf(kind.type);
  return (object.apiVersion === apiVersion ? object : Object.freeze({ ...object, apiVersion })) as T;
}
