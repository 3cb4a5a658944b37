import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { SystemClock } from '../src/clock/index.ts';
import { Reflector } from '../src/kubernetes/index.ts';
import {
  conditionOf,
  FermataError,
  isConditionTrue,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  SILENT_LOG,
} from '../src/model/index.ts';
import { type Installed, NODES_HERE, withFermata } from '../test/cluster/fermata-on-nodes.ts';
import { type Load, loadOf, median } from './cluster-processes.ts';

const run = promisify(execFile);
const REST_MILLISECONDS = 20_000;

/** Moments of one interruption, in their order, each as it was first seen; `began` is the call that creates the urgent pod. */
const MOMENTS = [
  'ordered',
  'takenUp',
  'ready',
  'victimDeleted',
  'released',
  'bound',
  'running',
  'nextCreated',
  'nextBound',
  'back',
] as const;
type Moment = (typeof MOMENTS)[number];

/** Medians of the runs with one size, milliseconds. */
export interface InterruptionFigures {
  victimMebibytes: number;
  runs: number;
  /** From the call that creates the urgent pod to the first line that its process prints. */
  createdToRunning: number;
  /** Longest time between two lines of the victim, which goes on at once on the other node; it prints twice a second. */
  gap: number;
  /** CRIU's `frozen_time`. */
  frozen: number;
  /** Each moment, from the one before (the first from the call). */
  steps: Record<Moment, number>;
  /** The same move by an operator's commands: checkpoint by the kubelet, image pushed, pod made on the other node. */
  byHand?: { gap: number; checkpoint: number; push: number; createdToRunning: number };
}

export interface InterruptionBench {
  figures: InterruptionFigures[];
  loads: { process: string; when: string; load: Load }[];
}

export async function benchInterruption(options: {
  runs: number;
  sizesMebibytes: readonly number[];
  onProgress: (text: string) => void;
}): Promise<InterruptionBench> {
  const figures: InterruptionFigures[] = [];
  const loads: InterruptionBench['loads'] = [];
  await withFermata(async (ground) => {
    const during = async (when: string, act: () => Promise<unknown>): Promise<void> => {
      const acting = act();
      const measured = [...ground.pids()].map(async ([process, pid]) => {
        loads.push({ process, when, load: await loadOf(pid, () => acting) });
      });
      await Promise.all(measured);
    };
    await ground.pod('first', { priority: 'low', cpu: '100m' });
    await ground.running('first');
    await ground.store.delete(PODS, { namespace: ground.namespace, name: 'first' }, { gracePeriodSeconds: 0 });
    await during('at rest', () => pause(REST_MILLISECONDS));
    for (const size of options.sizesMebibytes) {
      const samples: Sample[] = [];
      const byHand: ByHand[] = [];
      await during(`interruptions of ${size} MiB`, async () => {
        for (let number = 1; number <= options.runs; number++) {
          options.onProgress(`${size} MiB, run ${number} of ${options.runs}`);
          samples.push(await interrupt(ground, `${size}-${number}`, size));
        }
      });
      for (let number = 1; number <= options.runs && NODES_HERE?.byHand !== undefined; number++) {
        options.onProgress(`${size} MiB by hand, run ${number} of ${options.runs}`);
        // A name of its own: a node that has an image of that name from an earlier run would restore that.
        byHand.push(await moveByHand(ground, `${ground.namespace}-${size}-${number}`, size));
      }
      figures.push(summary(size, samples, byHand));
    }
  });
  return { figures, loads: loads.toSorted((one, other) => one.process.localeCompare(other.process)) };
}

interface Sample {
  createdToRunning: number;
  gap: number;
  frozen: number;
  moments: Record<Moment, number>;
}

async function interrupt(ground: Installed, label: string, mebibytes: number): Promise<Sample> {
  const { store, namespace } = ground;
  const [node = '', other = ''] = ground.nodes;
  const [victim, urgent] = [`victim-${label}`, `urgent-${label}`];
  const counter = (size: number) => ['sh', '-c', `exec /counter ${size} >/data/steps`];
  await ground.cordon(other, true);
  await ground.pod(victim, { priority: 'low', cpu: '1500m', command: counter(mebibytes) });
  const { uid } = await ground.running(victim);
  await ground.until(`${victim} counts`, async () => ((await ground.steps(victim)).at(-1) ?? 0) >= 10);
  await ground.cordon(other, false);
  await run('sync'); // or this dump waits for the disk to take the one before
  const seen = new Map<Moment, number>();
  const note = (moment: Moment, is: boolean): void => {
    if (is && !seen.has(moment)) seen.set(moment, Date.now());
  };
  let frozen = Number.NaN;
  const parts = { store, clock: new SystemClock(), random: Math.random, log: SILENT_LOG };
  const pods = new Reflector<Pod>(parts, PODS, {
    namespace,
    onChange: (pod) => {
      const { metadata, spec } = pod;
      if (metadata.name === urgent) {
        note('bound', spec.nodeName !== undefined);
        note('running', isRunning(pod));
      }
      if (metadata.name !== victim) return;
      note('victimDeleted', metadata.uid === uid && metadata.deletionTimestamp !== undefined);
      note('nextCreated', metadata.uid !== uid);
      note('nextBound', metadata.uid !== uid && spec.nodeName !== undefined);
      note('back', metadata.uid !== uid && isRunning(pod));
    },
  });
  const checkpoints = new Reflector<PodCheckpoint>(parts, POD_CHECKPOINTS, {
    namespace,
    onChange: ({ spec, status }) => {
      if (spec.sourcePod.uid !== uid) return;
      note('ordered', true);
      note('takenUp', conditionOf(status?.conditions, 'Ready')?.reason === 'CheckpointInProgress');
      note('ready', isConditionTrue(status?.conditions, 'Ready'));
      note('released', isConditionTrue(status?.conditions, 'Released'));
      frozen = (status?.checkpointedContainers?.[0]?.frozenMicroseconds ?? Number.NaN) / 1_000;
    },
  });
  pods.start();
  checkpoints.start();
  try {
    await Promise.all([pods.synced(), checkpoints.synced()]);
    const began = Date.now();
    await ground.pod(urgent, { priority: 'high', cpu: '1500m', node, command: counter(1), restartPolicy: 'Never' });
    await ground.until(`${urgent} counts`, async () => (await ground.steps(urgent)).length > 0);
    const before = (await ground.steps(victim)).at(-1) ?? 0;
    await ground.until(`${victim} counts on`, async () => ((await ground.steps(victim)).at(-1) ?? 0) > before + 5);
    await ground.until('all of it was seen', async () => MOMENTS.every((moment) => seen.has(moment)));
    const [first = Number.NaN] = times(await ground.output(urgent));
    return {
      createdToRunning: first - began,
      gap: longestGap(times(await ground.output(victim))),
      frozen,
      moments: sinceTheOneBefore(began, seen),
    };
  } finally {
    await Promise.all([pods.stop(), checkpoints.stop()]);
    for (const name of [urgent, victim]) await store.delete(PODS, { namespace, name }, { gracePeriodSeconds: 0 });
    await ground.until('the nodes are empty', async () => (await store.list(PODS, { namespace })).items.length === 0);
  }
}

function isRunning({ status }: Pod): boolean {
  return status?.containerStatuses?.[0]?.state?.running !== undefined;
}

/** Milliseconds of the lines `n=5 t=1763800000.123 pid=1`. */
function times(text: string): number[] {
  return [...text.matchAll(/^n=\d+ t=(\d+\.\d+)/gm)].map(([, seconds]) => Math.round(Number(seconds) * 1_000));
}

function longestGap(moments: readonly number[]): number {
  return Math.max(...moments.slice(1).map((moment, index) => moment - (moments[index] ?? moment)));
}

function sinceTheOneBefore(began: number, seen: ReadonlyMap<Moment, number>): Record<Moment, number> {
  let before = began;
  return Object.fromEntries(
    MOMENTS.map((moment) => {
      const at = seen.get(moment) ?? Number.NaN;
      const step = at - before;
      before = at;
      return [moment, step];
    }),
  ) as Record<Moment, number>;
}

type ByHand = NonNullable<InterruptionFigures['byHand']>;

/** The program prints `MiB=8 tar=… checkpoint=510ms push=400ms create->running=1900ms` and `gap: 30 -> 35 in 2.4 s`. */
async function moveByHand(ground: Installed, name: string, mebibytes: number): Promise<ByHand> {
  const [from = '', to = ''] = ground.nodes;
  const { stdout } = await run(NODES_HERE?.byHand ?? '', [name, from, to, String(mebibytes)]);
  const milliseconds = (what: string): number => Number(new RegExp(`${what}=(\\d+)ms`).exec(stdout)?.[1]);
  const gaps = [...stdout.matchAll(/^gap:.* in ([\d.]+) s$/gm)].map(([, seconds]) => Number(seconds) * 1_000);
  if (gaps.length === 0) throw new FermataError('BenchFailed', `${NODES_HERE?.byHand} tells of no gap: ${stdout}`);
  return {
    gap: Math.max(...gaps),
    checkpoint: milliseconds('checkpoint'),
    push: milliseconds('push'),
    createdToRunning: milliseconds('create->running'),
  };
}

function summary(victimMebibytes: number, samples: readonly Sample[], byHand: readonly ByHand[]): InterruptionFigures {
  const of = <T>(all: readonly T[], pick: (one: T) => number): number => Math.round(median(all.map(pick)));
  return {
    victimMebibytes,
    runs: samples.length,
    createdToRunning: of(samples, (sample) => sample.createdToRunning),
    gap: of(samples, (sample) => sample.gap),
    frozen: of(samples, (sample) => sample.frozen),
    steps: Object.fromEntries(
      MOMENTS.map((moment) => [moment, of(samples, (sample) => sample.moments[moment])]),
    ) as Record<Moment, number>,
    ...(byHand.length > 0 && {
      byHand: {
        gap: of(byHand, (one) => one.gap),
        checkpoint: of(byHand, (one) => one.checkpoint),
        push: of(byHand, (one) => one.push),
        createdToRunning: of(byHand, (one) => one.createdToRunning),
      },
    }),
  };
}
