/** A copy of a JSON value that shares nothing with it; several times cheaper than `structuredClone`, which takes anything. */
export function jsonCopy<T>(value: T): T {
  return copied(value) as T;
}

function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copied);
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const member = copied((value as Record<string, unknown>)[name]);
    // A key called __proto__ must stay a key.
    if (name === '__proto__') {
      Object.defineProperty(copy, name, { value: member, enumerable: true, configurable: true, writable: true });
    } else {
      copy[name] = member;
    }
  }
  return copy;
}
