import type { ChildProcess } from 'node:child_process';
import { relative, resolve } from 'node:path';
import { endGroup, runChild } from './child.ts';
import { type GateEvent, MARK } from './reporter.ts';
import { findFiles } from './source-files.ts';
import type { Stage, StageContext, StageResult } from './stage.ts';

export interface TestStageOptions {
  name: string;
  patterns: readonly string[];
  /** One process for all files (fast), or one each, one after the other. */
  isolation: 'none' | 'process';
  /** Patterns of those among them that run beside the others, in a process or processes of their own. None if absent. */
  beside?: readonly string[];
  /** For one test; with isolation, for one file too. */
  testTimeoutMilliseconds: number;
  /** For the whole stage. */
  timeoutMilliseconds: number;
}

/** After its last test a process has this long to end by itself; one that does not holds a timer, socket or child. */
const EXIT_MILLISECONDS = 5000;
/** Lines of a crashed process that are shown again. */
const TAIL_LINES = 30;
const REPORTER = new URL('reporter.ts', import.meta.url).href;

/** A stage made of `node --test` files. A crash, a time-out or an end without a summary counts as a failed test. */
export function testStage(options: TestStageOptions): Stage {
  return { name: options.name, run: (context) => runTests(options, context) };
}

async function runTests(options: TestStageOptions, context: StageContext): Promise<StageResult> {
  const all = await findFiles(context.root, options.patterns);
  const files = all.filter(
    (file) => context.filters.length === 0 || context.filters.some((filter) => file.includes(filter)),
  );
  const beside = new Set(await findFiles(context.root, options.beside ?? []));
  const lanes = [files.filter((file) => !beside.has(file)), files.filter((file) => beside.has(file))];
  const results = await Promise.all(
    lanes.filter((lane) => lane.length > 0).map((lane) => runFiles(lane, options, context)),
  );
  return {
    passed: sum(results.map((one) => one.passed)),
    failed: sum(results.map((one) => one.failed)),
    skipped: sum(results.map((one) => one.skipped)),
    failures: results.flatMap((one) => one.failures),
    skips: results.flatMap((one) => one.skips),
  };
}

async function runFiles(
  files: readonly string[],
  options: TestStageOptions,
  context: StageContext,
): Promise<StageResult> {
  const result: StageResult = { passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
  // What each file printed last; under no name what came past the reporter.
  const tails = new Map<string, string[]>();
  const lastWords = (file = ''): string => (tails.get(resolve(context.root, file)) ?? []).join('\n');
  const open = { passed: 0, failed: 0, skipped: 0 };
  let ended = false;
  let stuck = false;
  let exitTimer: NodeJS.Timeout | undefined;
  let child: ChildProcess | undefined;
  const deadline = AbortSignal.timeout(options.timeoutMilliseconds);

  const status = await runChild(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--test',
      `--test-isolation=${options.isolation}`,
      ...(options.isolation === 'process' ? ['--test-concurrency=1'] : []),
      `--test-timeout=${options.testTimeoutMilliseconds}`,
      `--test-reporter=${REPORTER}`,
      ...files,
    ],
    {
      root: context.root,
      environment: testEnvironment(context),
      signal: AbortSignal.any([context.signal, deadline]),
      onStart: (started) => {
        child = started;
      },
      onLine: (line) => {
        const event = parse(line);
        if (event === undefined) remember('', line);
        else take(event);
      },
    },
  );
  clearTimeout(exitTimer);
  context.signal.throwIfAborted();

  if (stuck) fail(`${options.name}: all tests ended, but a timer, socket or child process kept the process alive`);
  else if (deadline.aborted) fail(`${options.name}: not done after ${options.timeoutMilliseconds / 1000} s`);
  else if (!ended) fail(`${options.name}: the test process ended early (status ${status})\n${lastWords()}`);
  else if (status !== 0 && result.failed === 0) fail(`${options.name}: exit status ${status}\n${lastWords()}`);
  if (!ended) {
    result.passed += open.passed;
    result.failed += open.failed;
    result.skipped += open.skipped;
  }
  return result;

  function take(event: GateEvent): void {
    if (event.type === 'file') {
      const { passed, failed, skipped } = event;
      open.passed += passed;
      open.failed += failed;
      open.skipped += skipped;
      const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
      const seconds = (event.milliseconds / 1000).toFixed(1);
      context.say(`${failed > 0 ? '✗' : '✓'} ${place(event.file)}  ${counts.filter(Boolean).join(', ')}  ${seconds} s`);
    } else if (event.type === 'failure') {
      // A file that fails as a whole has crashed: what it said last is the reason.
      const isWholeFile = resolve(context.root, event.name) === resolve(context.root, event.file);
      const failure = isWholeFile
        ? `${place(event.file)} ended before its tests did\n${lastWords(event.file)}`
        : `${place(event.file)}:${event.line} ${event.name}\n${indent(event.message)}`;
      result.failures.push(failure);
      context.say(`✗ ${failure}`);
    } else if (event.type === 'skip') {
      result.skips.push(`${place(event.file)} ${event.name}${event.reason === '' ? '' : `: ${event.reason}`}`);
    } else if (event.type === 'output') {
      for (const line of event.text.trimEnd().split('\n')) remember(event.file, line);
    } else {
      ended = true;
      result.passed = event.passed;
      result.failed = event.failed;
      result.skipped = event.skipped;
      exitTimer = setTimeout(() => {
        stuck = true;
        if (child !== undefined) endGroup(child);
      }, EXIT_MILLISECONDS);
    }
  }

  function fail(message: string): void {
    result.failed += 1;
    result.failures.push(message);
    context.say(`✗ ${message}`);
  }

  function remember(file: string, line: string): void {
    if (line.trim() === '') return;
    const key = resolve(context.root, file); // the reporter names files both ways
    const tail = tails.get(key) ?? [];
    tails.set(key, tail);
    tail.push(`  | ${line}`);
    if (tail.length > TAIL_LINES) tail.shift();
    if (process.env.FERMATA_TEST_VERBOSE === '1') context.say(`  | ${line}`);
  }

  function place(file: string): string {
    return relative(context.root, file);
  }
}

/** What tests run with: temporary files inside the run's folder, and the mark by which leaks are told apart. */
export function testEnvironment(context: StageContext): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, ...environment } = process.env;
  return { ...environment, TMPDIR: context.runFolder, FERMATA_TEST_RUN: context.runId };
}

/** A test may print half a line before the mark. */
function parse(line: string): GateEvent | undefined {
  const start = line.indexOf(MARK);
  return start === -1 ? undefined : (JSON.parse(line.slice(start + MARK.length)) as GateEvent);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

function indent(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s+at .*\(?node:internal/.test(line))
    .map((line) => `    ${line}`)
    .join('\n');
}
