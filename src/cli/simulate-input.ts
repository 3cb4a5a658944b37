import { closeSync, openSync, writeSync } from 'node:fs';
import { seededRandom } from '../clock/index.ts';
import {
  formatOf,
  generateApplications,
  generateLublin,
  generateResearch,
  nodeWorld,
  poolWorld,
  readOpenbNodes,
  TRACE_FORMATS,
  type Trace,
  type TraceFormat,
  type TraceJob,
  type World,
  type WorldNode,
} from '../simulation/index.ts';
import { UsageError } from './exit.ts';
import type { SimulateFlags } from './simulate.ts';
import { costsOf, number, wholeNumber } from './simulate-settings.ts';

/** Snapshots of clusters, and generated ones, know their nodes. */
export type ReadTrace = Trace & { readonly nodes?: WorldNode[] };

/** What the jobs run on: nodes of a file, of the trace, or a pool of processors. */
export async function worldOf({ nodes: path, processors, ...flags }: SimulateFlags, trace: ReadTrace): Promise<World> {
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

/** The jobs to simulate, from a file or made. */
export async function readTrace(flags: SimulateFlags): Promise<ReadTrace> {
  const { trace: path, format, rejected, generate } = flags;
  if (generate !== undefined) {
    if (path !== undefined) throw new UsageError('--trace and --generate exclude each other.');
    return generated(generate, flags);
  }
  if (path === undefined)
    throw new UsageError('There is nothing to simulate.', 'Give --trace FILE, or --generate MODEL.');
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

function generated(model: string, flags: SimulateFlags): ReadTrace {
  const random = seededRandom(wholeNumber('--seed', flags.seed));
  const made = (jobs: TraceJob[]): Trace => ({ jobs, rejected: { count: 0, byKind: {}, first: [] }, warnings: [] });
  if (model === 'research') {
    const nodes = wholeNumber('--generate-nodes', flags.generateNodes);
    const days = number('--generate-days', flags.generateDays);
    if (nodes === 0 || days <= 0) throw new UsageError('A cluster has at least one node, and time to run.');
    const sessions = number('--generate-sessions', flags.generateSessions);
    if (sessions < 0) throw new UsageError(`--generate-sessions must not be negative, but is ${sessions}.`);
    const research = generateResearch({ nodes, days, sessions }, random);
    return { ...made(research.jobs), nodes: research.nodes };
  }
  if (model === 'applications') {
    const applications = generateApplications(wholeNumber('--generate-jobs', flags.generateJobs), random);
    return { ...made(applications.jobs), nodes: applications.nodes };
  }
  if (model !== 'lublin') {
    throw new UsageError(`There is no model "${model}" of work.`, 'Use lublin, research or applications.');
  }
  if (flags.processors === undefined) throw new UsageError('lublin needs to know the machine.', 'Give --processors.');
  const processors = wholeNumber('--processors', flags.processors);
  const jobs = wholeNumber('--generate-jobs', flags.generateJobs);
  const load = flags.load === undefined ? {} : { load: number('--load', flags.load) };
  return { ...made(generateLublin({ jobs, processors, ...load }, random)), processors };
}
