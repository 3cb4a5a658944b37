import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { seededRandom } from '../src/clock/index.ts';
import {
  atLoad,
  generateLublin,
  nodeWorld,
  poolWorld,
  readSwf,
  type Scenario,
  simulate,
  submissionWindow,
  type TraceJob,
} from '../src/simulation/index.ts';

/**
 * How fast the simulator is: `node bench/simulate.ts [--trace FILE] [--most 1000000] [--most-fermata 1000000]`. A ladder of generated
 * work on 10,000 nodes of 64 processors at load 0.7 (`easy` sees one pool of them), each rung in a process of its own, so
 * that its memory is its own; with `--trace`, that log on its own machine, too. Printed, never asserted.
 */
const NODES = 10_000;
const PROCESSORS_PER_NODE = 64;
const LOAD = 0.7;
const RUNGS = [1_000, 10_000, 100_000, 1_000_000];

interface Result {
  work: string;
  policy: string;
  jobs: number;
  seconds: number;
  cpuSeconds: number;
  events: number;
  eventsPerCpuSecond: number;
  peakRssMiB: number;
}

const { values } = parseArgs({
  options: {
    output: { type: 'string', default: 'text' },
    trace: { type: 'string' },
    most: { type: 'string', default: '1000000' },
    'most-fermata': { type: 'string', default: '1000000' },
    rung: { type: 'string' },
    policy: { type: 'string' },
  },
});

async function scenarioOf(policy: string, rung: string): Promise<Scenario> {
  const common = { random: seededRandom(1), preemptsFrom: 300 };
  if (rung === 'trace') {
    const { jobs, processors = 128 } = await readSwf(values.trace ?? '');
    return { ...common, jobs, world: poolWorld(processors), window: submissionWindow(jobs) };
  }
  const made = generateLublin({ jobs: Number(rung), processors: PROCESSORS_PER_NODE }, seededRandom(1));
  const jobs = atLoad(made, NODES * PROCESSORS_PER_NODE, LOAD).map((job): TraceJob => ({ ...job, tasks: 1 }));
  const nodes = Array.from({ length: NODES }, (_, index) => ({
    name: `node-${String(index).padStart(5, '0')}`,
    cpuMillicores: PROCESSORS_PER_NODE * 1_000,
    memoryBytes: 256 * 1024 ** 3,
    gpuMillis: 0,
  }));
  const world = policy === 'fermata' ? nodeWorld(nodes) : poolWorld(NODES * PROCESSORS_PER_NODE);
  return { ...common, jobs, world, window: submissionWindow(jobs) };
}

async function measure(policy: string, rung: string): Promise<Result> {
  const scenario = await scenarioOf(policy, rung);
  const [began, processor] = [performance.now(), process.cpuUsage()];
  const { events } = simulate(policy, scenario);
  const { user, system } = process.cpuUsage(processor);
  const cpuSeconds = (user + system) / 1e6;
  return {
    work: rung === 'trace' ? 'trace' : `${NODES} nodes`,
    policy,
    jobs: scenario.jobs.length,
    seconds: Number(((performance.now() - began) / 1_000).toFixed(2)),
    cpuSeconds: Number(cpuSeconds.toFixed(2)),
    events,
    eventsPerCpuSecond: Math.round(events / cpuSeconds),
    peakRssMiB: Math.round(process.resourceUsage().maxRSS / 1_024),
  };
}

const COLUMNS = [
  'work',
  'policy',
  'jobs',
  'seconds',
  'cpuSeconds',
  'events',
  'eventsPerCpuSecond',
  'peakRssMiB',
] as const;
const line = (cells: readonly unknown[]): string => `${cells.map((cell) => String(cell).padStart(18)).join('')}\n`;

if (values.rung !== undefined && values.policy !== undefined) {
  process.stdout.write(JSON.stringify(await measure(values.policy, values.rung)));
} else {
  const load = loadavg()[0]?.toFixed(1);
  const machine = `${availableParallelism()} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${load}, Node ${process.version}`;
  process.stderr.write(`${machine}\n`);
  if (values.output !== 'json') process.stdout.write(line(COLUMNS));
  for (const policy of ['easy', 'fermata']) {
    const most = Number(policy === 'fermata' ? values['most-fermata'] : values.most);
    const rungs = RUNGS.filter((jobs) => jobs <= most).map(String);
    for (const rung of values.trace === undefined ? rungs : ['trace', ...rungs]) {
      const parameters = [
        '--rung',
        rung,
        '--policy',
        policy,
        ...(values.trace === undefined ? [] : ['--trace', values.trace]),
      ];
      const child = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), ...parameters], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      if (child.status !== 0) process.exit(child.status ?? 1);
      const result = JSON.parse(child.stdout) as Result;
      process.stdout.write(
        values.output === 'json' ? `${child.stdout}\n` : line(COLUMNS.map((column) => result[column])),
      );
    }
  }
}
