import { closeSync, openSync, writeSync } from 'node:fs';
import { adapt, type Metrics, measure, readSwf, simulate, submissionWindow, type Trace } from '../simulation/index.ts';
import { UsageError } from './exit.ts';
import { table } from './output.ts';
import { Progress } from './progress.ts';
import type { SimulateFlags } from './simulate.ts';

/** Rejected lines that are shown one by one. */
const REJECTIONS_SHOWN = 5;

export async function runSimulate(flags: SimulateFlags): Promise<void> {
  const progress = new Progress();
  try {
    progress.step('reading the trace');
    const trace = await readTrace(flags);
    const jobs = adapt(trace.jobs, adaptationOf(flags));
    const processors =
      flags.processors === undefined ? trace.processors : wholeNumber('--processors', flags.processors);
    if (processors === undefined) {
      throw new UsageError('The trace does not say how many processors its machine had.', 'Give --processors.');
    }
    const window = flags.window === undefined ? submissionWindow(jobs) : windowOf(flags.window);
    const results: Metrics[] = [];
    for (const policy of flags.policy.split(',')) {
      progress.step(`simulating ${policy}`);
      const began = performance.now();
      const outcome = simulate(policy, {
        jobs,
        processors,
        window,
        perfectEstimates: flags.perfectEstimates === true,
      });
      const elapsedSeconds = (performance.now() - began) / 1_000;
      const seed = wholeNumber('--seed', flags.seed);
      const rejectedLines = trace.rejected.count;
      const capacityProcessors = processors;
      results.push(measure({ policy, jobs, outcome, window, capacityProcessors, rejectedLines, seed, elapsedSeconds }));
    }
    progress.stop();
    process.stderr.write(remarks(trace));
    process.stdout.write(render(results, flags.output));
  } finally {
    progress.stop();
  }
}

async function readTrace({ trace: path, rejected }: SimulateFlags): Promise<Trace> {
  if (path === undefined) throw new UsageError('There is nothing to simulate.', 'Give --trace FILE.');
  if (rejected === undefined) return await readSwf(path);
  const file = openSync(rejected, 'w');
  try {
    return await readSwf(path, { onRejected: ({ line, reason }) => writeSync(file, `${line}\t${reason}\n`) });
  } finally {
    closeSync(file);
  }
}

function adaptationOf(flags: SimulateFlags): Parameters<typeof adapt>[1] {
  const { from, to, limit, scaleArrivals, priorities } = flags;
  const factor = number('--scale-arrivals', scaleArrivals);
  if (factor <= 0) throw new UsageError(`--scale-arrivals must be more than 0, not ${scaleArrivals}.`);
  return {
    scaleArrivals: factor,
    ...(from === undefined ? {} : { fromSeconds: number('--from', from) }),
    ...(to === undefined ? {} : { toSeconds: number('--to', to) }),
    ...(limit === undefined ? {} : { limit: wholeNumber('--limit', limit) }),
    ...(priorities === undefined ? {} : { priorities: prioritiesOf(priorities) }),
  };
}

function prioritiesOf(text: string): Record<string, number> {
  return Object.fromEntries(
    text.split(',').map((part) => {
      const [queue = '', priority = ''] = part.split('=');
      return [queue, number('--priorities', priority)];
    }),
  );
}

function windowOf(text: string): { fromSeconds: number; toSeconds: number } {
  const [from = '', to = ''] = text.split(',');
  const window = { fromSeconds: number('--window', from), toSeconds: number('--window', to) };
  if (window.toSeconds <= window.fromSeconds) throw new UsageError(`--window ${text} ends before it begins.`);
  return window;
}

function number(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${flag} must be a number, not "${text}".`);
  return value;
}

function wholeNumber(flag: string, text: string): number {
  const value = number(flag, text);
  if (!Number.isInteger(value) || value < 0) throw new UsageError(`${flag} must be a whole number, not "${text}".`);
  return value;
}

/** What the reader could not use, for standard error. */
function remarks({ rejected, warnings }: Trace): string {
  const lines = warnings.map((warning) => `${warning}\n`);
  if (rejected.count > 0) {
    lines.push(`${rejected.count} lines of the trace were rejected:\n`);
    for (const [kind, count] of Object.entries(rejected.byKind)) lines.push(`  ${count} × ${kind}\n`);
    for (const { line, reason } of rejected.first.slice(0, REJECTIONS_SHOWN)) lines.push(`  line ${line}: ${reason}\n`);
    if (rejected.count > REJECTIONS_SHOWN) lines.push('  … (all of them: --rejected FILE)\n');
  }
  return lines.join('');
}

function render(results: readonly Metrics[], format: SimulateFlags['output']): string {
  if (format === 'json') return `${JSON.stringify(results, undefined, 2)}\n`;
  if (format === 'csv') return csv(results);
  const percent = (share: number): string => (share * 100).toFixed(1);
  return table(
    [
      'POLICY',
      'JOBS',
      'REJECTED',
      'ALLOCATED %',
      'USED %',
      'GOODPUT %',
      'LOST %',
      'OVERHEAD %',
      'MEAN WAIT S',
      'P95 WAIT S',
      'SLOWDOWN',
      'PREEMPTIONS',
    ],
    results.map((one) => [
      one.policy,
      String(one.jobs),
      String(one.rejected),
      percent(one.utilizationAllocated),
      percent(one.utilizationUsed),
      percent(one.goodput),
      percent(one.lostWork),
      percent(one.overhead),
      one.waitSeconds.mean.toFixed(0),
      one.waitSeconds.p95.toFixed(0),
      one.boundedSlowdown.mean.toFixed(1),
      String(one.preemptions),
    ]),
  );
}

/** One line a policy; nested values get names with dots. */
function csv(results: readonly Metrics[]): string {
  const rows = results.map((one) => flatten(one, ''));
  const header = Object.keys(rows[0] ?? {});
  const columns = [...new Set([...header, ...rows.flatMap((row) => Object.keys(row))])];
  return [columns.join(','), ...rows.map((row) => columns.map((column) => row[column] ?? '').join(','))]
    .join('\n')
    .concat('\n');
}

function flatten(value: object, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]): [string, string][] =>
      typeof inner === 'object' && inner !== null
        ? Object.entries(flatten(inner, `${prefix}${name}.`))
        : [[`${prefix}${name}`, inner === null ? '' : String(inner)]],
    ),
  );
}
