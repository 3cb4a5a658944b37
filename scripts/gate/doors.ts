import { posix } from 'node:path';

/**
 * Which rooms a room may import, always through the other room's `index.ts`. docs/architecture.md draws the same table.
 * `cli` may import everything below it; `model` and `clock` import nothing.
 */
export const DOORS: Readonly<Record<string, readonly string[]>> = {
  model: [],
  clock: [],
  metrics: [],
  checkpoint: ['clock', 'model'],
  scheduling: ['model'],
  coordination: ['clock', 'model'],
  hpc: ['clock', 'model'],
  kubernetes: ['clock', 'model'],
  bursting: ['hpc', 'kubernetes', 'clock', 'model'],
  runtime: ['checkpoint', 'clock', 'model'],
  deployment: ['kubernetes', 'clock', 'model'],
  controllers: ['checkpoint', 'kubernetes', 'scheduling', 'metrics', 'clock', 'model'],
  agent: ['runtime', 'checkpoint', 'kubernetes', 'clock', 'model'],
  simulation: ['scheduling', 'clock', 'model'],
  sandbox: ['kubernetes', 'runtime', 'clock', 'model'],
  timeline: ['model'],
  demo: ['sandbox', 'timeline', 'runtime', 'kubernetes', 'clock', 'model'],
  soak: [
    'controllers',
    'agent',
    'scheduling',
    'sandbox',
    'timeline',
    'runtime',
    'checkpoint',
    'kubernetes',
    'clock',
    'model',
  ],
  roles: [
    'controllers',
    'agent',
    'bursting',
    'coordination',
    'scheduling',
    'sandbox',
    'timeline',
    'runtime',
    'checkpoint',
    'kubernetes',
    'metrics',
    'clock',
    'model',
  ],
  cli: [
    'roles',
    'bursting',
    'hpc',
    'demo',
    'soak',
    'controllers',
    'agent',
    'coordination',
    'scheduling',
    'simulation',
    'sandbox',
    'timeline',
    'runtime',
    'checkpoint',
    'kubernetes',
    'metrics',
    'deployment',
    'clock',
    'model',
  ],
};

/** Rooms that decide and do no I/O may load nothing but this: `model` loads its schemas when they are first asked for. */
const PURE_ROOMS: Readonly<Record<string, readonly string[]>> = {
  model: ['typebox', 'node:module'],
  scheduling: [],
  timeline: [],
};

/** What `cli` loads lazily besides doors: a process loads only the role it runs; gate and benchmarks are no part of the product. */
const LAZY_ENTRIES = /^(?:src\/roles\/[\w-]+\.ts|scripts\/gate\/index\.ts)$/;
/** `fermata bench` prints what these measure. */
const BENCHMARKS = /^bench\/[\w-]+\.ts$/;

/** Where real time and randomness come in; everywhere else they are injected, so that a virtual clock can run the same code. */
const REAL_TIME = [/^src\/(?:roles|cli)\//, /^src\/runtime\/podman/, /^src\/clock\/(?:system-clock|random)\.ts$/];

const AMBIENT: readonly { pattern: RegExp; instead: string }[] = [
  { pattern: /\bDate\.now\(/, instead: 'the injected Clock' },
  { pattern: /\bnew Date\(\)/, instead: 'the injected Clock' },
  { pattern: /\bperformance\.now\(/, instead: 'the injected Clock' },
  { pattern: /\bprocess\.hrtime\b/, instead: 'the injected Clock' },
  { pattern: /(?<![\w.])(?:globalThis\.)?set(?:Timeout|Interval)\(/, instead: 'the injected Clock' },
  { pattern: /\bAbortSignal\.timeout\(/, instead: 'the injected Clock' },
  { pattern: /'(?:node:)?timers(?:\/promises)?'/, instead: 'the injected Clock' },
  { pattern: /\bMath\.random\(/, instead: 'the injected Random' },
];

export interface SourceFile {
  /** Relative to the repository, with slashes: `src/agent/agent.ts`. */
  path: string;
  text: string;
}

export interface Violation {
  path: string;
  line: number;
  message: string;
}

/** Names of the packages a room may load at run time, and of those for development. */
export interface DeclaredPackages {
  dependencies: readonly string[];
  development: readonly string[];
}

/** Every breach of the table above in these files, in their order. */
export function findViolations(files: readonly SourceFile[], packages: DeclaredPackages): Violation[] {
  return files.flatMap((file) => [
    ...importsOf(file.text).flatMap((found) => {
      const message = refusal(file.path, found, packages);
      return message === undefined ? [] : [{ path: file.path, line: found.line, message }];
    }),
    ...ambientUses(file),
  ]);
}

interface FoundImport {
  specifier: string;
  line: number;
  kind: 'value' | 'type' | 'lazy';
}

/**
 * The formatter leaves every import and re-export at the start of a line, in single quotes, so no parser is needed to find them;
 * `import('…')` may stand anywhere outside a comment.
 */
export function importsOf(text: string): FoundImport[] {
  const statements = [
    ...text.matchAll(/^(?:import|export)\b(?<type> type\b)?(?:[^'";]*?\bfrom\s)?\s*'(?<specifier>[^'\n]+)'/gm),
  ].map((match) => found(match, match.groups?.type === undefined ? 'value' : 'type'));
  const calls = [...text.matchAll(/^(?!\s*(?:\/\/|\*|\/\*)).*?\bimport\(\s*'(?<specifier>[^'\n]+)'\s*\)/gm)].map(
    (match) => found(match, 'lazy'),
  );
  return [...statements, ...calls].sort((a, b) => a.line - b.line);

  function found(match: RegExpExecArray, kind: FoundImport['kind']): FoundImport {
    return { specifier: match.groups?.specifier ?? '', line: lineAt(text, match.index), kind };
  }
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function refusal(path: string, found: FoundImport, packages: DeclaredPackages): string | undefined {
  return found.specifier.startsWith('.')
    ? relativeRefusal(path, posix.join(posix.dirname(path), found.specifier), found.kind)
    : packageRefusal(path, found, packages);
}

function relativeRefusal(path: string, target: string, kind: FoundImport['kind']): string | undefined {
  const from = roomOf(path);
  const to = roomOf(target);
  if (from === 'cli' && ((kind === 'lazy' && LAZY_ENTRIES.test(target)) || BENCHMARKS.test(target))) return undefined;
  if (to === undefined) return from === undefined ? undefined : `src must not import ${target}`;
  if (from === to) return undefined;
  if (DOORS[to] === undefined) return `room ${to} has no entry in the table of doors`;
  if (from !== undefined && DOORS[from] === undefined) return `room ${from} has no entry in the table of doors`;
  if (from !== undefined && !DOORS[from]?.includes(to)) return `${from} must not import ${to}`;
  const door = target.slice(`src/${to}/`.length);
  if (door === 'index.ts' || (door === 'testing.ts' && isTest(path))) return undefined;
  return `${to} is entered through src/${to}/index.ts, not ${target}`;
}

function packageRefusal(
  path: string,
  { specifier, kind }: FoundImport,
  packages: DeclaredPackages,
): string | undefined {
  const room = roomOf(path);
  const builtin = specifier.startsWith('node:');
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (!builtin && !packages.dependencies.includes(name) && !packages.development.includes(name)) {
    return `package ${name} is not in package.json`;
  }
  if (room === undefined || isTest(path) || kind === 'type') return undefined;
  const pure = PURE_ROOMS[room];
  if (pure !== undefined && !pure.includes(name)) return `${room} does no I/O and must not import ${specifier}`;
  if (!builtin && !packages.dependencies.includes(name)) return `package ${name} is for development only`;
  return undefined;
}

function ambientUses({ path, text }: SourceFile): Violation[] {
  if (roomOf(path) === undefined || isTest(path) || REAL_TIME.some((place) => place.test(path))) return [];
  return text.split('\n').flatMap((line, index) => {
    if (/^\s*(?:\/\/|\/?\*)/.test(line)) return [];
    return AMBIENT.filter(({ pattern }) => pattern.test(line)).map(({ pattern, instead }) => ({
      path,
      line: index + 1,
      message: `${(pattern.exec(line)?.[0] ?? '').replace(/\($/, '')} is not for this room: take ${instead}`,
    }));
  });
}

function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

/** Tests, and the builders and compliance suites they share. */
function isTest(path: string): boolean {
  return /\.test\.ts$|(?:^|\/)(?:testing|compliance)\/|(?:^|\/)testing(?:-[\w-]+)?\.ts$|-compliance\.ts$|^test\/|^bench\//.test(
    path,
  );
}
