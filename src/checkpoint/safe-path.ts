/** Relative, without `.`, `..`, empty parts, backslashes or control characters: below the folder it is joined to, on any system. */
export function isSafePath(path: string): boolean {
  if (path.length > 4096 || path.includes('\\')) return false;
  if ([...path].some((character) => character < ' ' || character === '\x7f')) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}
