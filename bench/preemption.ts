import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SystemClock } from '../src/clock/index.ts';
import {
  ClusterObserver,
  countingPod,
  DEMO_NAMESPACE,
  OUTPUT_FILE,
  priorityClasses,
  readOutput,
  URGENT_CLASS,
} from '../src/demo/index.ts';
import { FermataError, type Log, PODS, type Pod, PRIORITY_CLASSES } from '../src/model/index.ts';
import type { RunningSandbox } from '../src/roles/index.ts';
import { DEMO_ENVIRONMENT, DEMO_IMAGE, DEMO_PROGRAM, PodmanService } from '../src/runtime/index.ts';

const run = promisify(execFile);

/** Medians over the runs of one size. */
export interface PreemptionFigures {
  victimMebibytes: number;
  runs: number;
  /** From the call that creates the urgent pod until its process makes its file. */
  createdToRunningMs: number;
  /** CRIU's own time for the same dump: the last time stamp of its log. */
  criuDumpMs: number;
  /** Median of what each run took beyond its own dump: what the budget is about. */
  overDumpMs: number;
  /** From the agent's order to the runtime to the verified, sealed checkpoint. */
  agentDumpMs: number;
  restoreMs: number;
  /** CRIU's frozen_time in these dumps. */
  frozenMicroseconds: number;
  /** CRIU's frozen_time when plain `podman container checkpoint` dumps the same process. */
  plainFrozenMicroseconds: number;
}

export interface PreemptionBenchOptions {
  runs: number;
  sizesMebibytes: readonly number[];
  folder: string;
  log: Log;
  signal: AbortSignal;
  onProgress: (text: string) => void;
}

interface Sample {
  createdToRunningMs: number;
  criuDumpMs: number;
  agentDumpMs: number;
  restoreMs: number;
  frozenMicroseconds: number;
}

const STEP_MILLISECONDS = 50;

export async function runPreemptionBench(
  sandbox: RunningSandbox,
  options: PreemptionBenchOptions,
): Promise<PreemptionFigures[]> {
  const clock = new SystemClock();
  const observer = new ClusterObserver({ store: sandbox.store, clock, random: Math.random, log: options.log });
  await observer.start(options.signal);
  try {
    await Promise.all(priorityClasses().map((priorityClass) => sandbox.store.create(PRIORITY_CLASSES, priorityClass)));
    const figures: PreemptionFigures[] = [];
    for (const size of options.sizesMebibytes) {
      const samples: Sample[] = [];
      const plain: number[] = [];
      for (let number = 1; number <= options.runs; number++) {
        options.onProgress(`${size} MiB, run ${number} of ${options.runs}`);
        samples.push(await preempt(sandbox, observer, `${size}-${number}`, size, options));
        plain.push(await checkpointPlainly(sandbox, `plain-${size}-${number}`, size, options));
      }
      const of = (pick: (sample: Sample) => number): number => median(samples.map(pick));
      figures.push({
        victimMebibytes: size,
        runs: options.runs,
        createdToRunningMs: of((sample) => sample.createdToRunningMs),
        criuDumpMs: of((sample) => sample.criuDumpMs),
        overDumpMs: of((sample) => sample.createdToRunningMs - sample.criuDumpMs),
        agentDumpMs: of((sample) => sample.agentDumpMs),
        restoreMs: of((sample) => sample.restoreMs),
        frozenMicroseconds: of((sample) => sample.frozenMicroseconds),
        plainFrozenMicroseconds: median(plain),
      });
    }
    return figures;
  } finally {
    await observer.stop();
  }
}

/** One preemption: the victim counts, the urgent pod comes, and the victim is seen to run again. */
async function preempt(
  { store, directory }: RunningSandbox,
  observer: ClusterObserver,
  label: string,
  mebibytes: number,
  { folder, signal }: PreemptionBenchOptions,
): Promise<Sample> {
  const victim = { name: `victim-${label}`, folder: join(folder, `victim-${label}`) };
  const urgent = { name: `urgent-${label}`, folder: join(folder, `urgent-${label}`) };
  const shape = { cpu: '1', stepMilliseconds: STEP_MILLISECONDS };
  const created = await store.create(
    PODS,
    countingPod({ ...shape, name: victim.name, outputFolder: victim.folder, steps: 0, memoryMebibytes: mebibytes }),
  );
  const wrote = (of: { folder: string }) => async () =>
    (await readOutput(of.folder)).includes('step 3\n') ? true : undefined;
  await observer.until(`pod ${victim.name} to count`, wrote(victim), signal);
  await run('sync'); // or this dump waits for the disk to take the one before
  const before = Date.now();
  await store.create(
    PODS,
    countingPod({
      ...shape,
      name: urgent.name,
      outputFolder: urgent.folder,
      steps: 5,
      memoryMebibytes: 1,
      priorityClassName: URGENT_CLASS,
    }),
  );
  await observer.until(`pod ${urgent.name} to count`, wrote(urgent), signal);
  const createdToRunningMs = (await stat(join(urgent.folder, OUTPUT_FILE))).birthtimeMs - before;
  const again = await observer.until(
    `pod ${victim.name} to run again`,
    () => restored(observer, victim.name, created),
    signal,
  );
  const checkpoint = await observer.until(
    'the figures of the restore',
    () => {
      const found = observer.checkpointOf(created.metadata.uid);
      return found?.status?.restoreMilliseconds === undefined ? undefined : found;
    },
    signal,
  );
  const path = checkpoint.status?.checkpointLocation?.nodeLocal?.path ?? '';
  const log = await readFile(
    join(directory.node(again.spec.nodeName ?? ''), 'checkpoints', path, 'count', 'dump.log'),
    'utf8',
  );
  for (const { name } of [victim, urgent])
    await store.delete(PODS, { namespace: DEMO_NAMESPACE, name }, { gracePeriodSeconds: 1 });
  await observer.until(
    'the node to be empty',
    () => (observer.pod(`${DEMO_NAMESPACE}/${victim.name}`) === undefined ? true : undefined),
    signal,
  );
  const container = checkpoint.status?.checkpointedContainers?.[0];
  return {
    createdToRunningMs,
    criuDumpMs: lastTimestampMs(log),
    agentDumpMs: checkpoint.status?.dumpMilliseconds ?? Number.NaN,
    restoreMs: checkpoint.status?.restoreMilliseconds ?? Number.NaN,
    frozenMicroseconds: container?.frozenMicroseconds ?? Number.NaN,
  };
}

function restored(observer: ClusterObserver, name: string, first: Pod): Pod | undefined {
  const pod = observer.pod(`${DEMO_NAMESPACE}/${name}`);
  return pod !== undefined && pod.metadata.uid !== first.metadata.uid && pod.status?.phase === 'Running'
    ? pod
    : undefined;
}

/** The same program in a plain container of the same Podman, checkpointed by its own command; CRIU's frozen_time, µs. */
async function checkpointPlainly(
  { directory, configuration }: RunningSandbox,
  name: string,
  mebibytes: number,
  { log }: PreemptionBenchOptions,
): Promise<number> {
  const { tools } = configuration;
  if (tools === undefined)
    throw new FermataError('BenchWithoutPodman', 'this measures podman and CRIU, and the sandbox has neither');
  const service = new PodmanService(
    { clock: new SystemClock(), log },
    { directory: directory.podman, socket: directory.podmanSocket, tools },
  );
  const { file, environment } = service.command();
  const podman = (...words: string[]) => run(file, words, { env: environment, maxBuffer: 1024 ** 2 });
  const settings = {
    [DEMO_ENVIRONMENT.stepMilliseconds]: String(STEP_MILLISECONDS),
    [DEMO_ENVIRONMENT.memoryMebibytes]: String(mebibytes),
  };
  const environmentFlags = Object.entries(settings).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  await podman('run', '--detach', '--name', name, ...environmentFlags, DEMO_IMAGE, 'perl', '-e', DEMO_PROGRAM);
  try {
    while (!(await podman('logs', name)).stdout.includes('step 3\n'))
      await new Promise((resolve) => setTimeout(resolve, 100));
    const { stdout } = await podman('container', 'checkpoint', '--print-stats', name);
    return frozenOf(stdout);
  } finally {
    await podman('rm', '--force', '--time', '0', name);
  }
}

/** `--print-stats` of Podman: `container_statistics[].criu_statistics.frozen_time`, µs. */
function frozenOf(text: string): number {
  const parsed: unknown = JSON.parse(text.slice(text.indexOf('{')));
  const statistics = (parsed as { container_statistics?: { criu_statistics?: { frozen_time?: number } }[] })
    .container_statistics;
  const frozen = statistics?.[0]?.criu_statistics?.frozen_time;
  if (frozen === undefined) throw new FermataError('PodmanStatisticsMissing', `podman printed no frozen_time: ${text}`);
  return frozen;
}

/** `(00.123456) …`: seconds since CRIU began, on each line of its log. */
function lastTimestampMs(log: string): number {
  const stamps = [...log.matchAll(/^\((\d+\.\d+)\)/gm)];
  return Number(stamps.at(-1)?.[1] ?? Number.NaN) * 1_000;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
