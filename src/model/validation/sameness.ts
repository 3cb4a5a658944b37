/** Whether two JSON values are the same; a missing member and an undefined one are. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const [first, second] = [one as Record<string, unknown>, other as Record<string, unknown>];
  for (const name of new Set([...Object.keys(first), ...Object.keys(second)])) {
    if (!isSame(first[name], second[name])) return false;
  }
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
