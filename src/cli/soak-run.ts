import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  FAULT_PROFILES,
  type FaultProfile,
  runSeed,
  type SeedResult,
  type SeedRun,
  Story,
  shrink,
} from '../soak/index.ts';
import { EXIT, ExitStatus, UsageError } from './exit.ts';
import { printResult } from './output.ts';
import { Progress } from './progress.ts';
import type { SoakFlags } from './soak.ts';
import { SoakPool } from './soak-pool.ts';

const LARGEST_SEED = 2 ** 31;
/** Failures of one invocation that are looked into; the others are only counted. */
const MOST_FAILURES = 3;
const VIOLATIONS_SHOWN = 10;
/** How often a run that no terminal shows says how far it is, ms. */
const REPORT_MILLISECONDS = 10_000;
/** Changes when an older failure's file cannot be run any more. */
const FILE_FORMAT = 1;

export interface SoakReport {
  /** Virtual days with faults, over all seeds. */
  days: number;
  seeds: number;
  events: number;
  interruptions: number;
  restores: number;
  crashes: number;
  faultsInjected: Record<string, number>;
  violations: ReportedViolation[];
  daysPerSecond: number;
}

interface ReportedViolation {
  seed: number;
  invariant: number | 'liveness';
  /** Virtual time, RFC 3339. */
  at: string;
  subject: string;
  message: string;
  /** The command that runs it again; only where the failure was saved. */
  replay?: string;
}

export async function soak(flags: SoakFlags): Promise<void> {
  const runs = flags.replay === undefined ? plannedRuns(flags) : [readFailure(flags.replay)];
  const pool = new SoakPool(threadsOf(flags));
  const progress = new Progress();
  const began = performance.now();
  try {
    if (flags.replay === undefined) progress.line(`seeds ${runs[0]?.seed}..${runs.at(-1)?.seed}`);
    const results = await runAll(runs, pool, progress);
    const seconds = (performance.now() - began) / 1000;
    const failed = results.filter(({ violations }) => violations.length > 0);
    const saved = new Map<number, string>();
    for (const result of failed.slice(0, MOST_FAILURES)) {
      const smallest = flags.replay === undefined && flags.shrink ? await shrunk(result, pool, progress) : result;
      if (flags.replay === undefined) saved.set(result.run.seed, save(smallest, flags.failures));
      progress.stop();
      process.stderr.write(await tale(smallest, saved.get(result.run.seed)));
    }
    progress.stop();
    const report = reportOf(results, seconds, saved);
    await printResult(report, flags.output, () => describe(report));
    if (failed.length > 0) throw new ExitStatus(EXIT.failure);
  } finally {
    progress.stop();
    await pool.close();
  }
}

async function runAll(runs: readonly SeedRun[], pool: SoakPool, progress: Progress): Promise<SeedResult[]> {
  const days = runs.reduce((sum, run) => sum + (run.stopAfterDays ?? run.days), 0);
  const passed = new Map<SeedRun, number>();
  let violations = 0;
  let saidAt = performance.now();
  const show = (): void => {
    const sum = [...passed.values()].reduce((one, other) => one + other, 0);
    const text = `${Math.floor(sum)} of ${Math.ceil(days)} virtual days, ${violations} violations`;
    if (process.stderr.isTTY) progress.step(text);
    else if (performance.now() - saidAt >= REPORT_MILLISECONDS) {
      saidAt = performance.now();
      progress.line(text);
    }
  };
  show();
  return Promise.all(
    runs.map(async (run) => {
      const result = await pool.run(run, (own) => {
        passed.set(run, own);
        show();
      });
      passed.set(run, run.stopAfterDays ?? run.days);
      violations += result.violations.length;
      const [first] = result.violations;
      if (first !== undefined) progress.line(`seed ${run.seed}: ${first.message}`);
      show();
      return result;
    }),
  );
}

function shrunk(result: SeedResult, pool: SoakPool, progress: Progress): Promise<SeedResult> {
  return shrink(result, (run) => pool.run(run), {
    onTry: ({ tries, days, workloads, faults }) =>
      progress.step(
        `seed ${result.run.seed}: looking for less that fails, try ${tries}: ${days} days, ${workloads} workloads, ${faults} faults`,
      ),
  });
}

/** Seed, what happened, and how to see it again. */
async function tale(result: SeedResult, file: string | undefined): Promise<string> {
  const { run, violations } = result;
  const lines = [`\nseed ${run.seed}: ${violations.length} violations`];
  for (const { invariant, at, message } of violations.slice(0, VIOLATIONS_SHOWN)) {
    lines.push(
      `  ${typeof invariant === 'number' ? `invariant ${invariant}` : invariant} at ${timeOf(at)}: ${message}`,
    );
  }
  const workloads = run.onlyWorkloads?.length ?? Math.round(run.days * run.workloadsPerDay);
  const faults = run.onlyFaults?.length ?? result.injected.length;
  lines.push(`  in ${run.stopAfterDays ?? run.days} days with ${workloads} workloads and ${faults} faults\n`);
  // A run that did not come to its end cannot be told.
  if (violations.some(({ at }) => at > 0)) {
    const story = new Story(violations.slice(0, 1));
    await runSeed(run, { listeners: [(entry) => story.observe(entry)] });
    lines.push(...story.lines, '', story.timeline(process.stderr.columns ?? 120));
  }
  if (file !== undefined) lines.push(`run it again: ${replayCommand(file)}`);
  if (run.onlyFaults === undefined && run.onlyWorkloads === undefined) lines.push(`or: ${seedCommand(run)}`);
  return `${lines.join('\n')}\n`;
}

function reportOf(results: readonly SeedResult[], seconds: number, saved: ReadonlyMap<number, string>): SoakReport {
  const sum = (pick: (result: SeedResult) => number): number =>
    results.reduce((total, result) => total + pick(result), 0);
  const faultsInjected: Record<string, number> = {};
  for (const result of results) {
    for (const [fault, count] of Object.entries(result.faultsInjected)) {
      faultsInjected[fault] = (faultsInjected[fault] ?? 0) + count;
    }
  }
  const days = sum(({ run }) => run.stopAfterDays ?? run.days);
  return {
    days,
    seeds: results.length,
    events: sum(({ events }) => events),
    interruptions: sum(({ interruptions }) => interruptions),
    restores: sum(({ restores }) => restores),
    crashes: sum(({ crashes }) => crashes),
    faultsInjected: Object.fromEntries(Object.entries(faultsInjected).sort()),
    violations: results.flatMap(({ run, violations }) => {
      const file = saved.get(run.seed);
      return violations.map(({ invariant, at, subject, message }) => ({
        seed: run.seed,
        invariant,
        at: timeOf(at),
        subject,
        message,
        ...(file === undefined ? {} : { replay: replayCommand(file) }),
      }));
    }),
    daysPerSecond: Math.round((days / seconds) * 100) / 100,
  };
}

function describe(report: SoakReport): string {
  const faults = Object.values(report.faultsInjected).reduce((sum, count) => sum + count, 0);
  const { days, seeds, interruptions, restores, crashes, violations, daysPerSecond } = report;
  return [
    `${days} virtual days of ${seeds} seeds, ${daysPerSecond} days a second`,
    `${report.events} events, ${interruptions} interruptions, ${restores} restores, ${crashes} crashes, ${faults} faults injected:`,
    Object.entries(report.faultsInjected)
      .map(([fault, count]) => `${fault} ${count}`)
      .join(', '),
    violations.length === 0 ? 'no violation' : `${violations.length} violations`,
    '',
  ].join('\n');
}

function plannedRuns(flags: SoakFlags): SeedRun[] {
  const faults = flags.faults as FaultProfile;
  if (!FAULT_PROFILES.includes(faults)) {
    throw new UsageError(`--faults takes one of ${FAULT_PROFILES.join(', ')}, not "${flags.faults}"`);
  }
  const base = {
    days: positive('--days', flags.days),
    nodes: whole('--nodes', flags.nodes),
    workloadsPerDay: positive('--workloads-per-day', flags.workloadsPerDay),
    faults,
  };
  return seedsOf(flags).map((seed) => ({ seed, ...base }));
}

function seedsOf({ seeds: text, randomSeeds }: SoakFlags): number[] {
  if (text === undefined) {
    const base = randomInt(LARGEST_SEED);
    return Array.from({ length: whole('--random-seeds', randomSeeds) }, (_, index) => base + index);
  }
  const match = /^(\d+)(?:\.\.(\d+))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match === null || last < first) throw new UsageError(`--seeds takes A..B, such as 1..20, not "${text}"`);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function threadsOf({ threads }: SoakFlags): number | undefined {
  return threads === undefined ? undefined : whole('--threads', threads);
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new UsageError(`${flag} takes a number above 0, not "${text}"`);
  return value;
}

function whole(flag: string, text: string): number {
  const value = positive(flag, text);
  if (!Number.isInteger(value)) throw new UsageError(`${flag} takes a whole number, not "${text}"`);
  return value;
}

function save(result: SeedResult, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `seed-${result.run.seed}.json`);
  const { run, violations } = result;
  writeFileSync(file, `${JSON.stringify({ format: FILE_FORMAT, run, violations }, undefined, 2)}\n`);
  return file;
}

function readFailure(file: string): SeedRun {
  let saved: { format?: unknown; run?: SeedRun };
  try {
    saved = JSON.parse(readFileSync(file, 'utf8')) as typeof saved;
  } catch (error) {
    throw new UsageError(
      `${file} cannot be read as a saved failure: ${error instanceof Error ? error.message : error}`,
    );
  }
  const { format, run } = saved;
  if (format !== FILE_FORMAT || run === undefined || !FAULT_PROFILES.includes(run.faults)) {
    throw new UsageError(`${file} is no failure saved by this version of fermata soak`);
  }
  return run;
}

function seedCommand({ seed, days, nodes, workloadsPerDay, faults }: SeedRun): string {
  return `./fermata soak --seeds ${seed} --days ${days} --nodes ${nodes} --workloads-per-day ${workloadsPerDay} --faults ${faults}`;
}

function replayCommand(file: string): string {
  return `./fermata soak --replay ${file}`;
}

function timeOf(at: number): string {
  return new Date(at).toISOString();
}
