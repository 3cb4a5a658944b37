import { spawn } from 'node:child_process';
import { appendFile, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { FermataError } from '../model/index.ts';
import type { Metrics } from '../simulation/index.ts';
import { UsageError } from './exit.ts';
import { table } from './output.ts';
import { Progress } from './progress.ts';
import type { SweepFlags } from './simulate.ts';
import { wholeNumber } from './simulate-settings.ts';

/** One run as it stands in the file. */
export interface SweepLine {
  /** The options all runs share, and those of this one: what makes it the same run. */
  readonly shared: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  readonly metrics: readonly Metrics[];
}

/** Of a figure over the seeds: the mean, and half of its 95 % confidence interval. */
interface Estimate {
  readonly mean: number;
  readonly halfWidth: number;
}

interface SweepRow {
  readonly settings: Readonly<Record<string, string>>;
  readonly policy: string;
  readonly seeds: number;
  readonly goodput: Estimate;
  readonly waitSeconds: Estimate;
  readonly boundedSlowdown: Estimate;
}

/** Student's t for 95 %, two-sided, by degrees of freedom; beyond, the normal's. */
const STUDENT = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];
const NORMAL = 1.96;
/** Width of the progress bar, characters. */
const BAR = 30;

/** Runs `fermata simulate` for every combination that the file does not hold yet, several at once. */
export async function sweep(shared: readonly string[], flags: SweepFlags): Promise<void> {
  const combinations = combinationsOf(flags);
  const known = new Map((await linesOf(flags.out)).map((line) => [keyOf(line.shared, line.settings), line]));
  const missing = combinations.filter((settings) => !known.has(keyOf(shared, settings)));
  const threads =
    flags.threads === undefined ? availableParallelism() : Math.max(1, wholeNumber('--threads', flags.threads));
  const progress = new Progress();
  let done = combinations.length - missing.length;
  const tell = (): void => {
    const filled = Math.round((done / combinations.length) * BAR);
    progress.step(`${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${done} of ${combinations.length} runs`);
  };
  try {
    tell();
    const waiting = [...missing];
    await Promise.all(
      Array.from({ length: threads }, async () => {
        for (let settings = waiting.shift(); settings !== undefined; settings = waiting.shift()) {
          const line: SweepLine = { shared, settings, metrics: await run(shared, settings) };
          // One write a line: what is broken off here is run again.
          await appendFile(flags.out, `${JSON.stringify(line)}\n`);
          known.set(keyOf(shared, settings), line);
          done++;
          tell();
        }
      }),
    );
  } finally {
    progress.stop();
  }
  const lines = combinations.flatMap((settings) => known.get(keyOf(shared, settings)) ?? []);
  const rows = rowsOf(lines);
  process.stdout.write(render(rows, flags.output));
}

function combinationsOf({ vary, seeds }: SweepFlags): Record<string, string>[] {
  const [first = '', last = first] = seeds.split('..');
  const [from, to] = [wholeNumber('--seeds', first), wholeNumber('--seeds', last)];
  if (to < from) throw new UsageError(`--seeds ${seeds} ends before it begins.`);
  let all: Record<string, string>[] = [{}];
  for (const text of vary) {
    const [name = '', values = ''] = text.split('=');
    if (!/^[a-z][a-z-]*$/.test(name) || values === '') {
      throw new UsageError(
        `--vary ${text} does not name an option and its values.`,
        'Like: --vary scale-arrivals=1,0.9',
      );
    }
    all = all.flatMap((settings) => values.split(',').map((value) => ({ ...settings, [name]: value })));
  }
  return all.flatMap((settings) =>
    Array.from({ length: to - from + 1 }, (_, seed) => ({ ...settings, seed: String(from + seed) })),
  );
}

function keyOf(shared: readonly string[], settings: Readonly<Record<string, string>>): string {
  return JSON.stringify([shared, Object.entries(settings).sort()]);
}

/** What was done before; a last line that was cut off is done again. */
async function linesOf(path: string): Promise<SweepLine[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) await appendFile(path, '\n');
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .flatMap((line): SweepLine[] => {
      try {
        return [JSON.parse(line) as SweepLine];
      } catch {
        // What a broken-off run left of its line.
        return [];
      }
    });
}

async function run(shared: readonly string[], settings: Readonly<Record<string, string>>): Promise<Metrics[]> {
  const own = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    [...process.execArgv, main, 'simulate', ...shared, ...own, '--output', 'json'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (status !== 0) {
    throw new FermataError('SweepRunFailed', `simulate ${own.join(' ')} ended with status ${status}: ${err.trim()}`, {
      nextStep: 'Run it by hand; what was done is kept in the file, and is not run again.',
    });
  }
  return JSON.parse(out) as Metrics[];
}

/** Runs that differ by their seed alone, together. */
function rowsOf(lines: readonly SweepLine[]): SweepRow[] {
  const groups = new Map<string, { settings: Record<string, string>; policy: string; metrics: Metrics[] }>();
  for (const { settings, metrics } of lines) {
    const { seed: _, ...varied } = settings;
    for (const one of metrics) {
      const key = JSON.stringify([varied, one.policy]);
      const group = groups.get(key) ?? { settings: varied, policy: one.policy, metrics: [] };
      group.metrics.push(one);
      groups.set(key, group);
    }
  }
  return [...groups.values()].map(({ settings, policy, metrics }) => ({
    settings,
    policy,
    seeds: metrics.length,
    goodput: estimate(metrics.map(({ goodput }) => goodput)),
    waitSeconds: estimate(metrics.map(({ waitSeconds }) => waitSeconds.mean)),
    boundedSlowdown: estimate(metrics.map(({ boundedSlowdown }) => boundedSlowdown.mean)),
  }));
}

function estimate(values: readonly number[]): Estimate {
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  if (values.length < 2) return { mean, halfWidth: 0 };
  const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (values.length - 1);
  const t = STUDENT[values.length - 2] ?? NORMAL;
  return { mean, halfWidth: t * Math.sqrt(variance / values.length) };
}

function render(rows: readonly SweepRow[], format: SweepFlags['output']): string {
  if (format === 'json') return `${JSON.stringify(rows, undefined, 2)}\n`;
  const names = [...new Set(rows.flatMap(({ settings }) => Object.keys(settings)))];
  const cells = rows.map(({ settings, policy, seeds, goodput, waitSeconds, boundedSlowdown }) => [
    ...names.map((name) => settings[name] ?? ''),
    policy,
    String(seeds),
    goodput.mean.toFixed(4),
    goodput.halfWidth.toFixed(4),
    waitSeconds.mean.toFixed(0),
    waitSeconds.halfWidth.toFixed(0),
    boundedSlowdown.mean.toFixed(2),
    boundedSlowdown.halfWidth.toFixed(2),
  ]);
  const header = [...names, 'policy', 'seeds', 'goodput', '±', 'mean wait s', '±', 'slowdown', '±'];
  if (format === 'csv') return `${[header, ...cells].map((row) => row.join(',')).join('\n')}\n`;
  return table(
    header.map((name) => name.toUpperCase()),
    cells,
  );
}
