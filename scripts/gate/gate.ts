import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runChild } from './child.ts';
import { cleanUp } from './cleanup.ts';
import { findViolations } from './doors.ts';
import { findLeaks, takeSnapshot } from './leaks.ts';
import { soakStage } from './soak.ts';
import { findFiles, readDeclaredPackages, readSources } from './source-files.ts';
import { oneCheck, type Stage, type StageContext, type StageResult } from './stage.ts';
import { summarize, totalLine } from './summary.ts';
import { testEnvironment, testStage } from './tests.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

const UNIT_PATTERNS = ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts'];
const END_TO_END_PATTERNS = ['test/*.test.ts', 'test/!(cluster)/**/*.test.ts'];
/** On the cluster that KUBECONFIG names. */
const CLUSTER_PATTERNS = ['test/cluster/**/*.test.ts'];

const STAGES: readonly Stage[] = [
  {
    name: 'lint',
    run: (context) => runTool(context, 'biome', ['check', '--error-on-warnings', '--max-diagnostics=50']),
  },
  { name: 'types', run: (context) => runTool(context, 'tsc', ['-p', '.', '--pretty', 'false']) },
  { name: 'doors', run: checkDoors },
  testStage({
    name: 'unit',
    patterns: UNIT_PATTERNS,
    isolation: 'none',
    beside: ['src/{checkpoint,kubernetes}/**/*.test.ts'], // half of the time
    testTimeoutMilliseconds: 60_000,
    timeoutMilliseconds: 300_000,
  }),
  testStage({
    name: 'end-to-end',
    patterns: END_TO_END_PATTERNS,
    isolation: 'process',
    beside: ['test/{archive,hpc,stores}/**/*.test.ts'], // they wait for batch systems, disks and servers
    testTimeoutMilliseconds: 600_000,
    timeoutMilliseconds: 1_800_000,
  }),
  soakStage,
];
/** Runs only when it is asked for: it needs a cluster, and changes it. */
const CLUSTER_STAGE: Stage = testStage({
  name: 'cluster',
  patterns: CLUSTER_PATTERNS,
  isolation: 'process',
  testTimeoutMilliseconds: 600_000,
  timeoutMilliseconds: 1_800_000,
});
/** Tests run between the two looks of this stage. */
const LEAKS = 'leaks';

export interface GateOptions {
  /** Names of stages, or parts of test files' paths; empty: everything. */
  only: readonly string[];
  signal: AbortSignal;
  /** Lines for standard output. */
  say(line: string): void;
}

/** Nothing goes by this name: the command line was wrong. */
export class UnknownPart extends Error {}

/** Runs the gate's stages in their order, each to its end, whatever failed before. Returns the exit status. */
export async function runGate(options: GateOptions): Promise<number> {
  const { stages, filters } = await select(options.only);
  // The real path: /tmp may be a link, and mounts are listed by where they are. Short: sockets' paths end at 107 bytes.
  const runFolder = await mkdtemp(join(await realpath(tmpdir()), 'fermata-'));
  const context: StageContext = {
    root: ROOT,
    runFolder,
    runId: basename(runFolder),
    filters,
    signal: options.signal,
    say: (line) => options.say(`  ${line}`),
  };
  const results: { name: string; result: StageResult; milliseconds: number }[] = [];
  try {
    const before = await takeSnapshot(context);
    const runsTests = stages.some((stage) => ['unit', 'end-to-end', 'cluster'].includes(stage.name));
    const leaks: Stage = { name: LEAKS, run: () => findLeaks(before, context, options.signal) };
    for (const stage of [...stages, ...(runsTests ? [leaks] : [])]) {
      options.say(`▶ ${stage.name}`);
      const began = performance.now();
      const result = await stage.run(context);
      options.signal.throwIfAborted();
      if (stage.name === LEAKS) for (const failure of result.failures) context.say(`✗ ${failure}`);
      results.push({ name: stage.name, result, milliseconds: performance.now() - began });
    }
  } finally {
    await cleanUp(context);
  }
  options.say(summarize(results));
  options.say(totalLine(results.map(({ result }) => result)));
  return results.some(({ result }) => result.failed > 0) ? 1 : 0;
}

async function select(only: readonly string[]): Promise<{ stages: readonly Stage[]; filters: string[] }> {
  if (only.length === 0) return { stages: STAGES, filters: [] };
  const stages = [...STAGES, CLUSTER_STAGE];
  const names = stages.map((stage) => stage.name);
  const filters = only.filter((part) => !names.includes(part));
  const matched = new Set<string>();
  const tests = { unit: UNIT_PATTERNS, 'end-to-end': END_TO_END_PATTERNS, [CLUSTER_STAGE.name]: CLUSTER_PATTERNS };
  for (const [name, patterns] of Object.entries(tests)) {
    for (const file of await findFiles(ROOT, patterns)) {
      for (const filter of filters.filter((part) => file.includes(part))) matched.add(name).add(filter);
    }
  }
  const unknown = filters.find((filter) => !matched.has(filter));
  if (unknown !== undefined) {
    throw new UnknownPart(`no stage and no test file is called ${unknown} (stages: ${names.join(', ')})`);
  }
  return { stages: stages.filter((stage) => only.includes(stage.name) || matched.has(stage.name)), filters };
}

async function checkDoors(context: StageContext): Promise<StageResult> {
  const violations = findViolations(await readSources(context.root), await readDeclaredPackages(context.root));
  const lines = violations.map(({ path, line, message }) => `${path}:${line} ${message}`);
  for (const line of lines) context.say(`✗ ${line}`);
  return oneCheck(lines);
}

/** A program of node_modules: one check, its output shown when it fails. */
async function runTool(context: StageContext, tool: string, args: readonly string[]): Promise<StageResult> {
  const lines: string[] = [];
  const status = await runChild(join(context.root, 'node_modules/.bin', tool), args, {
    root: context.root,
    environment: {
      ...testEnvironment(context),
      PATH: `${join(process.execPath, '..')}:${process.env.PATH ?? ''}`, // tsc starts the `node` of PATH
    },
    signal: context.signal,
    onLine: (line) => lines.push(line),
  });
  if (status === 0) return oneCheck([]);
  for (const line of lines) context.say(line);
  return oneCheck([`${tool} ${args.join(' ')}: exit status ${status}`]);
}
