/**
 * Whether two JSON values are the same; a missing member and an undefined one are. For values that share parts, as those of
 * a registry do, many times cheaper than `isDeepStrictEqual` of Node.
 */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one)) return Array.isArray(other) && isSameList(one, other);
  if (Array.isArray(other)) return false;
  const [first, second] = [one as Record<string, unknown>, other as Record<string, unknown>];
  for (const name of Object.keys(first)) {
    if (!isSame(first[name], Object.hasOwn(second, name) ? second[name] : undefined)) return false;
  }
  for (const name of Object.keys(second)) if (second[name] !== undefined && !Object.hasOwn(first, name)) return false;
  return true;
}

function isSameList(one: readonly unknown[], other: readonly unknown[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (!isSame(one[index], other[index])) return false;
  return true;
}

/** Dotted paths at which two values differ, the deepest that say it; lists that differ in length as a whole. */
export function differences(one: unknown, other: unknown, path: string): string[] {
  if (isSame(one, other)) return [];
  const members = membersOf(one);
  const otherMembers = membersOf(other);
  if (members === undefined || otherMembers === undefined) return [path];
  if (Array.isArray(one) !== Array.isArray(other)) return [path];
  if (Array.isArray(one) && Array.isArray(other) && one.length !== other.length) return [path];
  return [...new Set([...Object.keys(members), ...Object.keys(otherMembers)])].flatMap((name) =>
    differences(members[name], otherMembers[name], Array.isArray(one) ? `${path}[${name}]` : `${path}.${name}`),
  );
}

function membersOf(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
}
