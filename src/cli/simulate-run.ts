import { closeSync, openSync, writeSync } from 'node:fs';
import { seededRandom } from '../clock/index.ts';
import {
  adapt,
  CAPABILITY_NAMES,
  type Capability,
  capacityOf,
  formatOf,
  Judge,
  type Metrics,
  measure,
  nodeWorld,
  poolWorld,
  readOpenbNodes,
  type Scenario,
  simulate,
  submissionWindow,
  TRACE_FORMATS,
  type Trace,
  type TraceFormat,
  type Violation,
  type World,
  type WorldNode,
} from '../simulation/index.ts';
import { EXIT, ExitStatus, UsageError } from './exit.ts';
import { Progress } from './progress.ts';
import type { SimulateFlags } from './simulate.ts';
import { remarks, renderMetrics } from './simulate-output.ts';
import { adaptationOf, costsOf, number, wholeNumber, windowOf, withoutOf } from './simulate-settings.ts';

/** Broken invariants that are shown one by one. */
const VIOLATIONS_SHOWN = 10;

/** Snapshots of clusters know their nodes. */
type ReadTrace = Trace & { readonly nodes?: WorldNode[] };

/** A policy, and what of it is switched off. */
interface Variant {
  readonly policy: string;
  readonly label: string;
  readonly without: readonly Capability[];
}

export async function runSimulate(flags: SimulateFlags): Promise<void> {
  const progress = new Progress();
  const violations: Violation[] = [];
  try {
    progress.step('reading the trace');
    const trace = await readTrace(flags);
    const jobs = adapt(trace.jobs, adaptationOf(flags));
    const world = await worldOf(flags, trace);
    const window = flags.window === undefined ? submissionWindow(jobs) : windowOf(flags.window);
    const seed = wholeNumber('--seed', flags.seed);
    const results: Metrics[] = [];
    for (const { policy, label, without } of variantsOf(flags)) {
      progress.step(`simulating ${label}`);
      const judge = flags.judge === true ? new Judge() : undefined;
      const scenario: Scenario = {
        jobs,
        world,
        window,
        without,
        random: seededRandom(seed),
        preemptsFrom: number('--preempts-from', flags.preemptsFrom),
        perfectEstimates: flags.perfectEstimates === true,
        ...(judge === undefined ? {} : { judge }),
      };
      const began = performance.now();
      const outcome = simulate(policy, scenario);
      const elapsedSeconds = (performance.now() - began) / 1_000;
      violations.push(...(judge?.violations ?? []));
      results.push(
        measure({
          policy: label,
          jobs,
          outcome,
          window,
          capacityProcessors: capacityOf(world),
          rejectedLines: trace.rejected.count,
          seed,
          elapsedSeconds,
        }),
      );
    }
    progress.stop();
    process.stderr.write(remarks(trace));
    process.stdout.write(renderMetrics(results, flags.output));
  } finally {
    progress.stop();
  }
  report(violations);
}

function report(violations: readonly Violation[]): void {
  if (violations.length === 0) return;
  for (const { invariant, atSeconds, job, message } of violations.slice(0, VIOLATIONS_SHOWN)) {
    process.stderr.write(`invariant ${invariant} at ${atSeconds} s: ${job === '' ? '' : `job ${job} `}${message}\n`);
  }
  process.stderr.write(`${violations.length} violations of invariants\n`);
  throw new ExitStatus(EXIT.failure);
}

function variantsOf({ policy, without, ablate }: SimulateFlags): Variant[] {
  const off = withoutOf(without);
  const named = policy.split(',').map((name): Variant => {
    const label = name === 'fermata' && off.length > 0 ? `fermata without ${off.join(', ')}` : name;
    return { policy: name, label, without: off };
  });
  if (ablate !== true) return named;
  const ablated = CAPABILITY_NAMES.filter((name) => !off.includes(name)).map(
    (name): Variant => ({ policy: 'fermata', label: `fermata without ${name}`, without: [...off, name] }),
  );
  const hasFermata = named.some((one) => one.policy === 'fermata');
  return [...named, ...(hasFermata ? [] : [{ policy: 'fermata', label: 'fermata', without: off }]), ...ablated];
}

async function worldOf({ nodes: path, processors, ...flags }: SimulateFlags, trace: ReadTrace): Promise<World> {
  const costs = costsOf({ ...flags });
  if (path !== undefined) {
    if (processors !== undefined) throw new UsageError('--nodes and --processors exclude each other.');
    const { nodes, rejected } = await readOpenbNodes(path);
    if (rejected.count > 0) {
      const { line, reason } = rejected.first[0] ?? { line: 0, reason: '' };
      throw new UsageError(`${path}: ${rejected.count} lines are no nodes; line ${line}: ${reason}.`);
    }
    if (nodes.length === 0) throw new UsageError(`${path} has no nodes.`);
    return nodeWorld(nodes, costs);
  }
  if (processors === undefined && (trace.nodes?.length ?? 0) > 0) return nodeWorld(trace.nodes ?? [], costs);
  const count = processors === undefined ? trace.processors : wholeNumber('--processors', processors);
  if (count === undefined || count === 0) {
    throw new UsageError('The trace does not say how many processors its machine had.', 'Give --processors.');
  }
  return poolWorld(count, costs);
}

async function readTrace({ trace: path, format, rejected }: SimulateFlags): Promise<ReadTrace> {
  if (path === undefined) throw new UsageError('There is nothing to simulate.', 'Give --trace FILE.');
  const read = TRACE_FORMATS[format === undefined ? formatOf(path) : formatNamed(format)];
  if (rejected === undefined) return await read(path);
  const file = openSync(rejected, 'w');
  try {
    return await read(path, { onRejected: ({ line, reason }) => writeSync(file, `${line}\t${reason}\n`) });
  } finally {
    closeSync(file);
  }
}

function formatNamed(name: string): TraceFormat {
  const formats = Object.keys(TRACE_FORMATS) as TraceFormat[];
  const known = formats.find((one) => one === name);
  if (known === undefined) {
    throw new UsageError(`There is no format "${name}" of traces.`, `Use one of: ${formats.join(', ')}.`);
  }
  return known;
}
