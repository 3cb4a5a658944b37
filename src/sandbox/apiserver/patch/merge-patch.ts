import { isJsonObject, type Json } from './json-value.ts';

/** Applies a JSON merge patch (RFC 7386). Neither argument is altered; the result shares what did not change. */
export function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isJsonObject(patch)) return patch;
  const base = isJsonObject(target) ? target : {};
  // Not by assignment: a member called `__proto__` is a member like any other.
  const members = new Map(Object.entries(base));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) members.delete(name);
    else members.set(name, applyMergePatch(members.get(name), value));
  }
  return Object.fromEntries(members);
}
