import type { Random } from '../../clock/index.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import { roundOf } from '../world/session.ts';
import type { WorldNode } from '../world/world.ts';
import { Chance } from './chance.ts';

export interface ResearchOptions {
  /** Every eighth has four GPUs of 80 GB. */
  readonly nodes: number;
  readonly days: number;
  /** Notebooks that are opened, a node and day. */
  readonly sessions: number;
}

const GIB = 1024 ** 3;
const HOUR = 3_600;
const DAY = 86_400;
const NODE = { cpus: 64, memoryBytes: 256 * GIB };
const GPUS_PER_NODE = 4;
const GPU_MODEL = 'A100-80GB';
/** Priorities: what people wait for above what they do not. */
const URGENT = 400;
const SERVICE = 200;
const SESSION = 100;
const BATCH = 0;
/** Share of the processors that services ask for. */
const SERVICES_SHARE = 0.45;

/**
 * A shared research cluster as such are described: services that ask for several times what they use, notebooks that mostly
 * idle, pipelines of many short steps, protein folding for weeks to months, training on 80 GB GPUs, and bursts of urgent work. Made up,
 * with a seed: its numbers are assumptions, named in docs/simulation.md.
 */
export function generateResearch(
  { nodes: count, days, sessions: perDay }: ResearchOptions,
  random: Random,
): { jobs: TraceJob[]; nodes: WorldNode[] } {
  const chance = new Chance(random);
  const nodes = Array.from({ length: count }, (_, index): WorldNode => {
    const gpus = index % 8 === 7 ? GPUS_PER_NODE : 0;
    return {
      name: `node-${String(index).padStart(4, '0')}`,
      cpuMillicores: NODE.cpus * 1_000,
      memoryBytes: NODE.memoryBytes,
      gpuMillis: gpus * 1_000,
      ...(gpus > 0 ? { gpuModel: GPU_MODEL } : {}),
    };
  });
  const end = days * DAY;
  const jobs = [
    ...services(chance, count, end),
    ...sessions(chance, count * perDay, end),
    ...pipelines(chance, count, end),
    ...folding(chance, count, end),
    ...training(chance, count, end),
    ...urgent(chance, count, end),
  ].sort((one, other) => one.submitSeconds - other.submitSeconds);
  return { jobs, nodes };
}

/** Times of a Poisson process by day: twice as busy in office hours as on average, quiet at night. */
function times(chance: Chance, perDay: number, end: number): number[] {
  const all: number[] = [];
  const peak = perDay * 2;
  for (let at = chance.exponential(DAY / peak); at < end; at += chance.exponential(DAY / peak)) {
    const hour = (at % DAY) / HOUR;
    const busy = hour >= 8 && hour < 18 ? 1 : 0.15;
    if (chance.happens(busy)) all.push(Math.round(at));
  }
  return all;
}

function services(chance: Chance, nodes: number, end: number): TraceJob[] {
  const jobs: TraceJob[] = [];
  let left = nodes * NODE.cpus * SERVICES_SHARE;
  while (left > 0) {
    const processors = chance.pick(1, 2, 4, 8);
    left -= processors;
    const id = `service-${jobs.length}`;
    jobs.push({
      id,
      submitSeconds: Math.round(chance.uniform(0, HOUR)),
      runSeconds: end,
      processors,
      tasks: 1,
      memoryBytes: processors * 2 * GIB,
      user: `team-${chance.integer(1, 8)}`,
      queue: 'service',
      priority: SERVICE,
      usedShare: chance.uniform(0.05, 0.25),
      checkpointable: false,
      isService: true,
      useCurve: 'diurnal',
    });
  }
  return jobs;
}

function sessions(chance: Chance, perDay: number, end: number): TraceJob[] {
  return times(chance, perDay, end).map((submitSeconds, index) => {
    const processors = chance.pick(1, 2, 4);
    const session = {
      bursts: chance.integer(3, 12),
      burstSeconds: chance.integer(30, 180),
      thinkSeconds: chance.integer(60, 600),
      idleSeconds: Math.round(Math.min(16 * HOUR, Math.max(900, chance.lognormal(1.5 * HOUR, 0.8)))),
    };
    return {
      id: `notebook-${index}`,
      submitSeconds,
      runSeconds: Math.round(Math.min(3 * DAY, Math.max(600, chance.lognormal(5 * HOUR, 0.9)))),
      processors,
      tasks: 1,
      memoryBytes: processors * 4 * GIB,
      startMemoryShare: 0.2,
      user: `person-${chance.integer(1, 60)}`,
      queue: 'notebook',
      session,
      priority: SESSION,
      usedShare: (session.bursts * session.burstSeconds) / roundOf(session),
    };
  });
}

/** One step prepares, several run beside each other, a wide one gathers what they made. */
function pipelines(chance: Chance, nodes: number, end: number): TraceJob[] {
  return times(chance, nodes * 2, end).flatMap((submitSeconds, index) => {
    const user = `lab-${chance.integer(1, 12)}`;
    const steps = chance.integer(3, 8);
    return Array.from({ length: steps }, (_, step): TraceJob => {
      const runSeconds = Math.round(Math.min(DAY, Math.max(20, chance.lognormal(20 * 60, 1.1))));
      const isLast = step === steps - 1;
      const processors = isLast ? 16 : chance.pick(1, 2, 4, 8);
      const beside = Array.from({ length: steps - 2 }, (_, other) => `pipeline-${index}-${other + 1}`);
      return {
        id: `pipeline-${index}-${step}`,
        submitSeconds,
        runSeconds,
        walltimeSeconds: runSeconds * chance.integer(2, 6),
        processors,
        tasks: 1,
        memoryBytes: processors * 3 * GIB,
        startMemoryShare: 0.3,
        user,
        queue: 'pipeline',
        priority: BATCH,
        usedShare: chance.uniform(0.4, 0.9),
        ...(step === 0 ? {} : { after: isLast ? beside : [`pipeline-${index}-0`] }),
      };
    });
  });
}

function folding(chance: Chance, nodes: number, end: number): TraceJob[] {
  return times(chance, nodes * 0.03, end).map((submitSeconds, index) => ({
    id: `folding-${index}`,
    submitSeconds,
    runSeconds: Math.round(Math.min(120 * DAY, Math.max(5 * DAY, chance.lognormal(15 * DAY, 0.7)))),
    processors: 32,
    tasks: 1,
    memoryBytes: 64 * GIB,
    startMemoryShare: 0.4,
    user: `lab-${chance.integer(1, 12)}`,
    queue: 'folding',
    priority: BATCH,
    usedShare: 0.95,
  }));
}

function training(chance: Chance, nodes: number, end: number): TraceJob[] {
  return times(chance, nodes * 0.3, end).map((submitSeconds, index) => {
    const gpus = chance.pick(1, 1, 2, 4);
    const runSeconds = Math.round(Math.min(10 * DAY, Math.max(HOUR, chance.lognormal(9 * HOUR, 1))));
    return {
      id: `training-${index}`,
      submitSeconds,
      runSeconds,
      walltimeSeconds: runSeconds * 2,
      processors: gpus * 8,
      tasks: 1,
      memoryBytes: gpus * 32 * GIB,
      gpus,
      gpuMemoryBytes: gpus * 60 * GIB,
      gpuModel: GPU_MODEL,
      user: `lab-${chance.integer(1, 12)}`,
      queue: 'training',
      priority: BATCH,
      usedShare: chance.uniform(0.3, 0.8),
    };
  });
}

function urgent(chance: Chance, nodes: number, end: number): TraceJob[] {
  return times(chance, 1.5, end).flatMap((submitSeconds, burst) =>
    Array.from({ length: Math.ceil(nodes / 4) }, (_, index): TraceJob => {
      const runSeconds = chance.integer(600, 2 * HOUR);
      return {
        id: `urgent-${burst}-${index}`,
        submitSeconds,
        runSeconds,
        walltimeSeconds: runSeconds * 2,
        processors: 32,
        tasks: 1,
        memoryBytes: 32 * GIB,
        user: 'on-call',
        queue: 'urgent',
        priority: URGENT,
        usedShare: 0.9,
      };
    }),
  );
}
