/**
 * What the server says it is (`/version`). Clients choose their ways by it: 1.35 has what is served here, and lies within
 * the skew that kubectl accepts without a warning on its own version.
 */
export const VERSION_INFO = {
  major: '1',
  minor: '35',
  gitVersion: 'v1.35.0+fermata',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
} as const;
