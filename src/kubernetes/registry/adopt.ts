/**
 * `next` as the registry keeps it: deeply frozen, without undefined members, and sharing with `previous` every part that
 * is equal to what stood in the same place. Equal altogether: `previous` itself comes back, so a write that changes
 * nothing is seen by identity, and so is a change of one part (`adopted.spec !== previous.spec`).
 *
 * The caller's own object is never frozen; only parts of `previous` are taken over by reference.
 */
export function adopt<T>(next: T, previous?: unknown): T {
  return adoptValue(next, previous) as T;
}

function adoptValue(next: unknown, previous: unknown): unknown {
  if (next === previous || typeof next !== 'object' || next === null) return next;
  if (Array.isArray(next)) return adoptArray(next, previous);
  return adoptRecord(next as Record<string, unknown>, previous);
}

function adoptArray(next: readonly unknown[], previous: unknown): unknown {
  const before: readonly unknown[] = Array.isArray(previous) ? previous : [];
  let same = Array.isArray(previous) && before.length === next.length;
  const result = new Array<unknown>(next.length);
  for (let index = 0; index < next.length; index++) {
    const value = adoptValue(next[index], before[index]);
    result[index] = value;
    if (value !== before[index]) same = false;
  }
  return same ? previous : Object.freeze(result);
}

function adoptRecord(next: Record<string, unknown>, previous: unknown): unknown {
  const isRecord = typeof previous === 'object' && previous !== null && !Array.isArray(previous);
  const before = isRecord ? (previous as Record<string, unknown>) : {};
  let same = isRecord;
  let members = 0;
  const result: Record<string, unknown> = {};
  for (const name of Object.keys(next)) {
    const member = next[name];
    if (member === undefined) continue;
    members++;
    const old = before[name];
    const value = adoptValue(member, old);
    if (value !== old) same = false;
    if (name === '__proto__') {
      Object.defineProperty(result, name, { value, enumerable: true, configurable: true, writable: true });
    } else {
      result[name] = value;
    }
  }
  if (same) same = members === Object.keys(before).length;
  return same ? previous : Object.freeze(result);
}
