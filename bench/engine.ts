import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { EngineCase } from './engine-case.ts';
import { CASES } from './engine-cases.ts';
import { play } from './engine-play.ts';

/**
 * The engine alone, one thread, no API server: `node bench/engine.ts [--case NAME] [--nodes N] [--pods N] [--output json]`.
 * Without a case all of them, each in a process of its own. A pod's time is that of telling the engine of the pod, its
 * decision, and telling it what came of it (bound, or its victims gone). A tenth of the case is played first, so that the
 * compiler's work, which a scheduler that runs for weeks has behind it, is not measured; `--cold` leaves that out.
 */
interface Result {
  case: string;
  nodes: number;
  pods: number;
  podsPerSecond: number;
  /** By the processor's time in place of the clock's: what a loaded machine does not distort. */
  podsPerCpuSecond: number;
  p50Ms: number | null;
  p99Ms: number | null;
  /** Of cases whose pods take a millisecond or more. */
  p50CpuMs: number | null;
  p99CpuMs: number | null;
  rssMiB: number;
  floor: number | null;
  ratio: number | null;
  cpuRatio: number | null;
}

const { values } = parseArgs({
  options: {
    case: { type: 'string' },
    nodes: { type: 'string' },
    pods: { type: 'string' },
    cold: { type: 'boolean', default: false },
    output: { type: 'string', default: 'text' },
  },
});

/** A case of fewer nodes is played whole to warm up: it is small already. */
const SCALED_FROM_NODES = 1_000;
const WARM_UP = 0.1;

/** The case, a tenth as large. */
function scaled(benchmark: EngineCase, share: number): EngineCase {
  const { before, waiting } = benchmark;
  const part = (count: number): number => Math.ceil(count * share);
  return {
    ...benchmark,
    ...(before === undefined ? {} : { before: { ...before, count: part(before.count) } }),
    ...(waiting?.count === undefined ? {} : { waiting: { ...waiting, count: part(waiting.count) } }),
  };
}

function warmUp(benchmark: EngineCase, nodes: number, pods: number): void {
  const share = nodes < SCALED_FROM_NODES ? 1 : WARM_UP;
  play(scaled(benchmark, share), { nodes: Math.ceil(nodes * share), pods: Math.ceil(pods * share) });
}

function run(name: string, benchmark: EngineCase, nodes: number, pods: number): Result {
  if (!values.cold) warmUp(benchmark, nodes, pods);
  const played = play(benchmark, { nodes, pods });
  const { decided, seconds, cpuSeconds } = played;
  // A case that measures refusals in place of placements would look fast.
  if (decided < pods) process.stderr.write(`${name}: ${pods - decided} of ${pods} pods found no place\n`);
  const { floor } = benchmark;
  const ratio = (perSecond: number): number | null =>
    floor === undefined ? null : Number((perSecond / floor).toFixed(1));
  return {
    case: name,
    nodes,
    pods,
    podsPerSecond: Math.round(pods / seconds),
    podsPerCpuSecond: Math.round(pods / cpuSeconds),
    p50Ms: quantile(played.stepMilliseconds, 0.5),
    p99Ms: quantile(played.stepMilliseconds, 0.99),
    p50CpuMs: quantile(played.stepCpuMilliseconds, 0.5),
    p99CpuMs: quantile(played.stepCpuMilliseconds, 0.99),
    rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    floor: floor ?? null,
    ratio: ratio(pods / seconds),
    cpuRatio: ratio(pods / cpuSeconds),
  };
}

function quantile(of: readonly number[], share: number): number | null {
  if (of.length === 0) return null;
  const sorted = of.toSorted((one, other) => one - other);
  return Number((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(3));
}

const COLUMNS = [
  'nodes',
  'pods',
  'podsPerSecond',
  'podsPerCpuSecond',
  'p50Ms',
  'p99Ms',
  'p50CpuMs',
  'p99CpuMs',
  'rssMiB',
  'floor',
  'ratio',
  'cpuRatio',
] as const;
const line = (cells: readonly unknown[]): string =>
  `${String(cells[0]).padEnd(36)}${cells
    .slice(1)
    .map((cell) => String(cell ?? '-').padStart(18))
    .join('')}\n`;

function write(result: Result): void {
  const cells = [result.case, ...COLUMNS.map((column) => result[column])];
  process.stdout.write(values.output === 'json' ? `${JSON.stringify(result)}\n` : line(cells));
}

function heading(): void {
  if (values.output === 'json') return;
  process.stdout.write(
    'The engine alone, one thread. A floor is what kube-scheduler’s CI demands of it in that case, API server traffic\n' +
      'included, which is not in the figures here: the ratio says how much of that room is left, not who is faster.\n' +
      'With Cpu: by the processor’s time in place of the clock’s. A tenth of the case is played first (not with --cold).\n\n',
  );
  process.stdout.write(line(['case', ...COLUMNS]));
}

if (values.case === undefined) {
  heading();
  for (const name of Object.keys(CASES)) {
    const parameters = Object.entries({ ...values, case: name, output: 'json' }).flatMap(([flag, value]) =>
      typeof value === 'string' ? [`--${flag}`, value] : value === true ? [`--${flag}`] : [],
    );
    const script = fileURLToPath(import.meta.url);
    const child = spawnSync(process.execPath, [...process.execArgv, script, ...parameters], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (child.status !== 0) process.exit(child.status ?? 1);
    write(JSON.parse(child.stdout) as Result);
  }
} else {
  const benchmark = Object.hasOwn(CASES, values.case) ? CASES[values.case] : undefined;
  if (benchmark === undefined) {
    process.stderr.write(`There is no case "${values.case}"; there are: ${Object.keys(CASES).join(', ')}.\n`);
    process.exit(2);
  }
  if (values.output !== 'json') heading();
  write(run(values.case, benchmark, Number(values.nodes ?? benchmark.nodes), Number(values.pods ?? benchmark.pods)));
}
