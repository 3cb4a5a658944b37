import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock/index.ts';
import type { ObjectStore } from '../kubernetes/index.ts';
import { PODS, type Pod, type PodCheckpoint } from '../model/index.ts';
import type { ClusterObserver } from './observer.ts';
import { accountSteps } from './steps.ts';
import { countingPod, DEMO_NAMESPACE, OUTPUT_FILE, URGENT_CLASS, URGENT_KILLING_CLASS } from './workload.ts';

export interface ScenarioOptions {
  /** `checkpoint`: the victim is interrupted by checkpoint. `kill`: by deletion, as Kubernetes does it. */
  interruption: 'checkpoint' | 'kill';
  steps: number;
  stepMilliseconds: number;
  memoryMebibytes: number;
  /** Fills the node, so that only one pod fits at a time. */
  cpu: string;
  /** Folder on this machine for the outputs. */
  folder: string;
  victimName: string;
  urgentName: string;
  /** Steps of the urgent pod, each as long as the victim's. Default 20. */
  urgentSteps?: number;
}

export interface ScenarioDependencies {
  store: ObjectStore;
  clock: Clock;
  observer: ClusterObserver;
  signal: AbortSignal;
}

export interface ScenarioResult {
  preemptor: { createdToRunningMs: number };
  victim: {
    stepsBeforeDump: number;
    firstStepAfterRestore: number | null;
    stepsLost: number;
    stepsDoubled: number;
    completed: boolean;
  };
  checkpoint?: { sizeBytes: number; frozenMicroseconds: number; dumpMs: number; restoreMs: number };
}

/** The urgent pod comes when this share of the victim's work is done. */
const SHARE_DONE_BEFORE = 0.4;
const URGENT_STEPS = 20;
const URGENT_MEBIBYTES = 8;

/** A victim fills the node and counts; an urgent pod takes its place; the victim goes on (or starts anew) and finishes. */
export async function runScenario(
  dependencies: ScenarioDependencies,
  options: ScenarioOptions,
): Promise<ScenarioResult> {
  const { store, clock, observer, signal } = dependencies;
  const killing = options.interruption === 'kill';
  const victim = { name: options.victimName, folder: join(options.folder, options.victimName) };
  const urgent = { name: options.urgentName, folder: join(options.folder, options.urgentName) };
  const pod = countingPod({ ...options, name: victim.name, outputFolder: victim.folder });
  const stepsOf = async (of: { folder: string }): Promise<number[]> =>
    accountSteps(await readOutput(of.folder), options.steps).steps;

  const created = await store.create(PODS, pod, { signal });
  const enough = Math.ceil(options.steps * SHARE_DONE_BEFORE);
  await observer.until(
    `step ${enough} of pod ${victim.name}`,
    async () => ((await stepsOf(victim)).length >= enough ? true : undefined),
    signal,
  );

  const before = clock.now();
  await store.create(
    PODS,
    countingPod({
      ...options,
      name: urgent.name,
      outputFolder: urgent.folder,
      steps: options.urgentSteps ?? URGENT_STEPS,
      memoryMebibytes: URGENT_MEBIBYTES,
      priorityClassName: killing ? URGENT_KILLING_CLASS : URGENT_CLASS,
    }),
    { signal },
  );
  await observer.until(
    `pod ${urgent.name} to run`,
    async () => ((await stepsOf(urgent)).length > 0 ? true : undefined),
    signal,
  );
  // The file is made by the process itself as its first act: its birth is the process' start.
  const { birthtimeMs } = await stat(join(urgent.folder, OUTPUT_FILE));
  const stepsBeforeDump = (await stepsOf(victim)).length;
  await observer.until(`pod ${urgent.name} to finish`, () => finished(observer, urgent.name), signal);
  // As the controller of a Job would: a killed pod is made again, and begins again.
  if (killing) await store.create(PODS, pod, { signal });
  const end = await observer.until(`pod ${victim.name} to finish`, () => finished(observer, victim.name), signal);

  const account = accountSteps(await readOutput(victim.folder), options.steps);
  const checkpoint = observer.checkpointOf(created.metadata.uid);
  return {
    preemptor: { createdToRunningMs: Math.round(birthtimeMs - before) },
    victim: {
      stepsBeforeDump,
      firstStepAfterRestore: account.steps[stepsBeforeDump] ?? null,
      stepsLost: account.lost,
      stepsDoubled: account.doubled,
      completed: end.status?.phase === 'Succeeded' && account.steps.at(-1) === options.steps,
    },
    ...(checkpoint === undefined ? {} : { checkpoint: figuresOf(checkpoint) }),
  };
}

/** What the workload has written so far, over all its incarnations; it makes the file first thing. */
export async function readOutput(folder: string): Promise<string> {
  try {
    return await readFile(join(folder, OUTPUT_FILE), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
    throw error;
  }
}

function finished(observer: ClusterObserver, name: string): Pod | undefined {
  const pod = observer.pod(`${DEMO_NAMESPACE}/${name}`);
  const phase = pod?.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed' ? pod : undefined;
}

function figuresOf({ status }: PodCheckpoint): NonNullable<ScenarioResult['checkpoint']> {
  const containers = status?.checkpointedContainers ?? [];
  const sum = (pick: (container: (typeof containers)[number]) => number | undefined): number =>
    containers.reduce((total, container) => total + (pick(container) ?? 0), 0);
  return {
    sizeBytes: sum(({ sizeBytes }) => sizeBytes),
    frozenMicroseconds: sum(({ frozenMicroseconds }) => frozenMicroseconds),
    dumpMs: status?.dumpMilliseconds ?? 0,
    restoreMs: status?.restoreMilliseconds ?? 0,
  };
}
