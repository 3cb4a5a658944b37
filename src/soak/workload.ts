import { type Container, type Draft, type Pod, WALLTIME_ANNOTATION } from '../model/index.ts';
import type { Chance } from './chance.ts';
import { type GangMembership, gangOf, rankArrival } from './gang-plan.ts';
import { OUTPUT_FOLDER } from './observed-machine.ts';
import { UNDUMPABLE_ANNOTATION } from './runtime-faults.ts';

/** What a user does to a workload, `after` ms since it was submitted. */
export interface PlannedAction {
  after: number;
  action:
    | 'delete'
    | 'checkpoint'
    | 'suspend'
    | 'resume'
    | 'edit'
    | 'deleteCheckpoint'
    | 'checkpointGroup'
    | 'stopGroup';
}

export interface PlannedWorkload {
  index: number;
  /** ms since the begin of the world. */
  arrival: number;
  namespace: string;
  pod: Draft<Pod>;
  gang: GangMembership;
  actions: PlannedAction[];
  /** How long its owner looks at it after it has ended, ms. */
  linger: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const IMAGE = 'localhost/fermata-demo:latest';

/** What share of the cluster the workloads ask for on the average: enough that some always wait. */
const LOAD = 1.05;
const MEAN_CPU = 1.1;
export const NODE_CPU = 4;
export const NODE_MEBIBYTES = 8_192;

export interface WorkloadWorld {
  days: number;
  nodes: number;
  workloadsPerDay: number;
  groups?: boolean;
  /** Chance of the workload's job (`jobOf`); absent: there are no jobs. */
  job?: Chance;
}

/**
 * The workload with that index, whatever else there is in the world. Of classes, sizes and habits as they come in a cluster
 * that serves both batch and people.
 */
export function planWorkload(chance: Chance, index: number, world: WorkloadWorld): PlannedWorkload {
  const { job } = world;
  const gang =
    job === undefined ? { labels: {}, minMember: 1 } : gangOf(chance, job, index, (of) => arrivalOf(of, world.days));
  const { ring } = gang;
  const habit = chance.weighted({ batch: 60, short: 20, sleeper: 6, growing: 6, failing: 5, giant: 3 });
  const kind = ring === undefined ? habit : 'rank';
  const anywhere = chance.pick(['default', 'research']);
  const namespace = ring?.namespace ?? anywhere;
  const name = `w${index}-${kind}`;
  const meanHours = Math.min(12, (LOAD * world.nodes * NODE_CPU * 24) / (world.workloadsPerDay * MEAN_CPU));
  const hours = kind === 'short' ? chance.between(0.001, 0.2) : chance.exponential(meanHours);
  const size = sizeOf(chance, kind, hours);
  const { stepMilliseconds, steps, cpu, memory } = ring ?? size;
  const growing = kind === 'growing';
  const annotations: Record<string, string> = {
    'fermata.dev/steps': String(steps),
    'fermata.dev/step-milliseconds': String(stepMilliseconds),
    'fermata.dev/memory-mib': String(Math.round(memory * chance.between(0.3, 0.95))),
  };
  // Some of the growing ones end by their limit, others before.
  if (growing)
    annotations['fermata.dev/growth-kib'] = String(Math.ceil((memory * 1_024 * chance.random()) / Math.max(1, steps)));
  if (kind === 'failing') annotations['fermata.dev/exit-code'] = '1';
  if (chance.happens(0.05)) annotations['fermata.dev/ignore-term'] = '1';
  if (chance.happens(0.05)) annotations[UNDUMPABLE_ANNOTATION] = 'true';
  if (chance.happens(0.4) && steps > 0) {
    // Owners guess, and guess badly.
    const guess = Math.max(1, Math.round((steps * stepMilliseconds * chance.between(0.5, 3)) / 60_000));
    annotations[WALLTIME_ANNOTATION] = `${guess}m`;
  }
  const containers = [container('main', namespace, name, { cpu, memory })];
  if (chance.happens(0.1)) containers.push(container('side', namespace, name, { cpu: 50, memory: 2_048 }));
  // What fails at once and is started again for ever is not worth many runs.
  const onFailure = growing || kind === 'failing' ? 5 : 40;
  const restartPolicy = chance.weighted({ Never: 60, OnFailure: onFailure, Always: kind === 'sleeper' ? 10 : 0 });
  const policy = chance.weighted({ none: 70, never: 6, either: 8, kill: 4, shy: 6, quick: 6 });
  const priorityClassName = chance.weighted({ low: 35, normal: 35, high: 14, urgent: 8, blunt: 4, polite: 4 });
  const pod: Draft<Pod> = {
    metadata: {
      name,
      namespace,
      labels: {
        ...gang.labels,
        policy,
      },
      annotations,
    },
    spec: {
      schedulerName: 'fermata',
      priorityClassName: ring?.priorityClassName ?? priorityClassName,
      restartPolicy,
      terminationGracePeriodSeconds: chance.pick([0, 1, 30, 30, 120]),
      containers,
      volumes: [{ name: 'outputs', hostPath: { path: OUTPUT_FOLDER } }],
    },
  };
  const span = Math.max(60_000, steps * stepMilliseconds || 6 * HOUR);
  return {
    index,
    arrival: ring === undefined ? arrivalOf(chance, world.days) : rankArrival(chance, ring),
    namespace,
    pod,
    gang,
    actions: [
      ...planActions(chance, kind, span),
      ...(world.groups === true ? planGroups(chance.fork('groups'), span) : []),
    ],
    linger: Math.min(HOUR, chance.exponential(HOUR / 4)),
  };
}

/** `cpu` in millicores, `memory` in MiB. */
function sizeOf(
  chance: Chance,
  kind: string,
  hours: number,
): { stepMilliseconds: number; steps: number; cpu: number; memory: number } {
  const stepMilliseconds = chance.pick([100, 1_000, 7_000, 60_000]);
  return {
    stepMilliseconds,
    steps: kind === 'sleeper' ? 0 : Math.max(1, Math.round((hours * HOUR) / stepMilliseconds)),
    cpu: kind === 'giant' ? NODE_CPU * 1_000 : chance.pick([100, 250, 500, 500, 1_000, 1_000, 2_000, 3_000]),
    memory: chance.pick([16, 64, 256, 256, 1_024, 2_048]),
  };
}

function container(
  name: string,
  namespace: string,
  workload: string,
  size: { cpu: number; memory: number },
): Container {
  const memory = `${size.memory}Mi`;
  return {
    name,
    image: IMAGE,
    env: [{ name: 'FERMATA_OUTPUT', value: `/outputs/${namespace}/${workload}/${name}` }],
    resources: { requests: { cpu: `${size.cpu}m`, memory }, limits: { memory } },
    volumeMounts: [{ name: 'outputs', mountPath: '/outputs' }],
  };
}

/** Half come at any time, half in rushes on the hour. */
function arrivalOf(chance: Chance, days: number): number {
  const at = chance.random() * days * DAY;
  return chance.happens(0.5) ? at : Math.floor(at / HOUR) * HOUR + chance.exponential(20_000);
}

/** Some workloads belong together with what runs beside them at that moment. */
function planGroups(chance: Chance, span: number): PlannedAction[] {
  if (!chance.happens(0.15)) return [];
  const action = chance.happens(0.6) ? 'stopGroup' : 'checkpointGroup';
  return [{ action, after: chance.random() * span }];
}

function planActions(chance: Chance, kind: string, span: number): PlannedAction[] {
  const actions: PlannedAction[] = [];
  const add = (action: PlannedAction['action'], after: number): void => void actions.push({ action, after });
  if (chance.happens(0.12)) {
    const at = chance.random() * span;
    add('suspend', at);
    // Some forget.
    add(chance.happens(0.85) ? 'resume' : 'delete', at + chance.exponential(2 * HOUR));
  }
  if (chance.happens(0.1)) add('checkpoint', chance.random() * span);
  if (chance.happens(0.1)) add('edit', chance.random() * span * 1.2);
  if (chance.happens(0.04)) add('deleteCheckpoint', chance.random() * span * 1.5);
  if (chance.happens(0.06)) add('delete', chance.random() * span * 1.5);
  // What never ends by itself is ended by somebody.
  if (kind === 'sleeper') add('delete', chance.between(0.5, 18) * HOUR);
  return actions.sort((one, other) => one.after - other.after);
}
