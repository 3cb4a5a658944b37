import { type Draft, POD_GROUP_LABEL, type Pod } from '../model/index.ts';
import type { Chance } from './chance.ts';

/** How many workloads, one after the other by index, may share a PodGroup. */
const GANG_SIZE = 10;
/** How many of the jobs are of ranks that are useless one by one. */
const RINGS = 0.3;
/** Mean time from the first rank of a job to the next ones, ms. */
const SUBMIT_MILLISECONDS = 5_000;

/** A job of ranks that must run at once; what they have in common. */
export interface RingPlan {
  name: string;
  minMember: number;
  scheduleTimeoutSeconds: number | undefined;
  /** ms since the begin of the world; the ranks come within seconds. */
  arrival: number;
  namespace: string;
  priorityClassName: string;
  cpu: number;
  memory: number;
  steps: number;
  stepMilliseconds: number;
}

/** The PodGroup of a workload, and what it is to say. */
export interface GangMembership {
  labels: Record<string, string>;
  minMember: number;
  /** Of jobs whose ranks must run at once. */
  ring?: RingPlan;
}

const NONE: GangMembership = { labels: {}, minMember: 1 };

/** Which job the workload belongs to, as {@link gangOf} forks its chance. */
export function jobOf(index: number): number {
  return Math.floor(index / GANG_SIZE);
}

/**
 * Some workloads are ranks of one job: whoever interrupts one interrupts all that run. Of most jobs any one may begin
 * alone; of others two to four ranks start together or not at all. `own`: chance of the workload, `job`: of its job.
 */
export function gangOf(own: Chance, job: Chance, index: number, arrivalOf: (chance: Chance) => number): GangMembership {
  const name = `job-${jobOf(index)}`;
  const isRing = job.happens(RINGS);
  const size = job.integer(2, 4);
  if (!isRing) return own.fork('gang').happens(0.5) ? { labels: { [POD_GROUP_LABEL]: name }, minMember: 1 } : NONE;
  if (index % GANG_SIZE >= size) return NONE;
  const ring = planRing(job, { name: `ring-${jobOf(index)}`, size, arrival: arrivalOf(job) });
  return { labels: { [POD_GROUP_LABEL]: ring.name }, minMember: ring.minMember, ring };
}

function planRing(job: Chance, { name, size, arrival }: { name: string; size: number; arrival: number }): RingPlan {
  const stepMilliseconds = job.pick([1_000, 7_000, 60_000]);
  return {
    name,
    // Some jobs can do with one rank less.
    minMember: size > 2 && job.happens(0.2) ? size - 1 : size,
    scheduleTimeoutSeconds: job.pick([undefined, undefined, 60, 600]),
    arrival,
    namespace: job.pick(['default', 'research']),
    priorityClassName: job.weighted({ low: 35, normal: 35, high: 14, urgent: 8, blunt: 4, polite: 4 }),
    cpu: job.pick([250, 500, 1_000, 1_000, 2_000]),
    memory: job.pick([64, 256, 1_024]),
    steps: Math.max(1, Math.round(job.exponential(3 * 3_600_000) / stepMilliseconds)),
    stepMilliseconds,
  };
}

/** When the rank is submitted, ms since the begin of the world. */
export function rankArrival(own: Chance, { arrival }: RingPlan): number {
  return arrival + own.fork('rank').exponential(SUBMIT_MILLISECONDS);
}

/** The PodGroup as its owner writes it. */
export function podGroupOf(
  pod: Draft<Pod>,
  { minMember, ring }: GangMembership,
): { name: string; spec: object } | undefined {
  const name = pod.metadata.labels?.[POD_GROUP_LABEL];
  if (name === undefined) return undefined;
  const scheduleTimeoutSeconds = ring?.scheduleTimeoutSeconds;
  return { name, spec: { minMember, ...(scheduleTimeoutSeconds === undefined ? {} : { scheduleTimeoutSeconds }) } };
}
