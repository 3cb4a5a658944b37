import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ClusterEvent, type Decision, Engine } from '../src/scheduling/index.ts';
import type { EngineCase } from './engine-case.ts';
import { CASES } from './engine-cases.ts';
import { node, nodeName, type Pod, pod, running } from './engine-objects.ts';

/**
 * The engine alone, one thread, no API server: `node bench/engine.ts [--case NAME] [--nodes N] [--pods N] [--output json]`.
 * Without a case all of them, each in a process of its own. A pod's time is that of telling the engine of the pod, its
 * decision, and telling it what came of it (bound, or its victims gone).
 */
interface Result {
  case: string;
  nodes: number;
  pods: number;
  podsPerSecond: number;
  /** By the processor's time in place of the clock's: what a loaded machine does not distort. */
  podsPerCpuSecond: number;
  p50Ms: number;
  p99Ms: number;
  rssMiB: number;
  floor: number | null;
  ratio: number | null;
}

const { values } = parseArgs({
  options: {
    case: { type: 'string' },
    nodes: { type: 'string' },
    pods: { type: 'string' },
    output: { type: 'string', default: 'text' },
  },
});

const START = Date.UTC(2026, 0, 1);
/** Longer than any backoff, shorter than the time after which pods are tried again without a reason. */
const REST_MS = 60_000;
/** Events come 1,000 a second, those that wake pods 100 a second as in scheduler_perf. */
const STEP_MS = 1;
const EVENT_STEP_MS = 10;
/** Pods made at a time, so that making them is not measured. */
const BATCH = 1000;

/** An engine with a cluster that does at once what it decides. */
class Harness {
  readonly engine = new Engine();
  now = START;
  readonly #pods = new Map<string, Pod>();

  tell(event: ClusterEvent): void {
    if (event.type === 'PodChanged') this.#pods.set(event.pod.metadata.uid, event.pod);
    this.engine.observe(event, this.now);
  }

  add(one: Pod): void {
    this.tell({ type: 'PodChanged', pod: one });
  }

  decide(): number {
    let done = 0;
    for (const decision of this.engine.decide(this.now)) if (this.#carryOut(decision)) done += 1;
    return done;
  }

  #carryOut(decision: Decision): boolean {
    if (decision.type === 'Bind') {
      const one = this.#pods.get(decision.pod.uid);
      if (one !== undefined) this.add(running(one, decision.nodeName));
      return true;
    }
    if (decision.type !== 'Interrupt') return false;
    for (const { pod: victim, action } of decision.victims) {
      const one = this.#pods.get(victim.uid);
      if (action === 'Terminate' && one !== undefined) this.tell({ type: 'PodDeleted', pod: one });
    }
    return true;
  }
}

function run(name: string, benchmark: EngineCase, nodes: number, pods: number): Result {
  const harness = new Harness();
  for (let index = 0; index < nodes; index++) {
    harness.tell({ type: 'NodeChanged', node: node(nodeName(index), index, benchmark.node ?? {}) });
  }
  for (const event of benchmark.setUp?.({ nodes, pods }) ?? []) harness.tell(event);
  const { before, waiting } = benchmark;
  for (let index = 0; before !== undefined && index < before.count; index++) {
    harness.add(running(pod(`before-${index}`, before.shape(index)), nodeName(index % nodes)));
  }
  for (let index = 0; waiting !== undefined && index < (waiting.count ?? pods); index++) {
    harness.add(pod(`waiting-${index}`, waiting.shape(index)));
  }
  harness.decide();
  if (benchmark.pod === undefined) harness.now += REST_MS;
  const times: number[] = [];
  let decided = 0;
  let seconds = 0;
  let cpuSeconds = 0;
  for (let first = 0; first < pods; first += BATCH) {
    const batch: ClusterEvent[][] = [];
    for (let index = first; index < Math.min(pods, first + BATCH); index++) {
      const events = [...(benchmark.beside?.(index) ?? [])];
      if (benchmark.pod !== undefined) {
        events.push({ type: 'PodChanged', pod: pod(`pod-${index}`, benchmark.pod(index)) });
      }
      batch.push(events);
    }
    const cpu = process.cpuUsage();
    for (const events of batch) {
      harness.now += benchmark.pod === undefined ? EVENT_STEP_MS : STEP_MS;
      const begun = performance.now();
      for (const event of events) harness.tell(event);
      decided += harness.decide();
      const took = performance.now() - begun;
      times.push(took);
      seconds += took / 1000;
    }
    const { user, system } = process.cpuUsage(cpu);
    cpuSeconds += (user + system) / 1e6;
  }
  // Who was woken in vain before it was woken for good is in its backoff yet.
  if (benchmark.pod === undefined) {
    harness.now += REST_MS;
    const [cpu, begun] = [process.cpuUsage(), performance.now()];
    decided += harness.decide();
    seconds += (performance.now() - begun) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    cpuSeconds += (user + system) / 1e6;
  }
  // A case that measures refusals in place of placements would look fast.
  if (decided < pods) process.stderr.write(`${name}: ${pods - decided} of ${pods} pods found no place\n`);
  times.sort((one, other) => one - other);
  const quantile = (share: number): number =>
    Number((times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(3));
  const podsPerSecond = Math.round(pods / seconds);
  const { floor } = benchmark;
  return {
    case: name,
    nodes,
    pods,
    podsPerSecond,
    podsPerCpuSecond: Math.round(pods / cpuSeconds),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    floor: floor ?? null,
    ratio: floor === undefined ? null : Number((podsPerSecond / floor).toFixed(1)),
  };
}

const COLUMNS = [
  'nodes',
  'pods',
  'podsPerSecond',
  'podsPerCpuSecond',
  'p50Ms',
  'p99Ms',
  'rssMiB',
  'floor',
  'ratio',
] as const;
const line = (cells: readonly unknown[]): string =>
  `${String(cells[0]).padEnd(36)}${cells
    .slice(1)
    .map((cell) => String(cell ?? '-').padStart(17))
    .join('')}\n`;

function write(result: Result): void {
  const cells = [result.case, ...COLUMNS.map((column) => result[column])];
  process.stdout.write(values.output === 'json' ? `${JSON.stringify(result)}\n` : line(cells));
}

function heading(): void {
  if (values.output === 'json') return;
  process.stdout.write(
    'The engine alone, one thread. A floor is what kube-scheduler’s CI demands of it in that case, API server traffic\n' +
      'included, which is not in the figures here: the ratio says how much of that room is left, not who is faster.\n\n',
  );
  process.stdout.write(line(['case', ...COLUMNS]));
}

if (values.case === undefined) {
  heading();
  for (const name of Object.keys(CASES)) {
    const parameters = Object.entries({ ...values, case: name, output: 'json' }).flatMap(([flag, value]) =>
      value === undefined ? [] : [`--${flag}`, value],
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
