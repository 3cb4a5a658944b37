import type { Random } from '../../clock/index.ts';
import { TEN_APPLICATIONS } from '../../scheduling/index.ts';
import type { TraceJob } from '../trace/trace-job.ts';
import type { WorldNode } from '../world/world.ts';
import { Chance } from './chance.ts';

const GIB = 1024 ** 3;
const NODES = 8;
const GPUS_PER_NODE = 4;
const PROCESSORS_PER_GPU = 8;
/** Of all GPUs, by ordinary work. */
const LOAD = 0.85;
const RUN = { medianSeconds: 2_700, sigma: 0.8 };
/** One job in so many is urgent. */
const URGENT_EVERY = 10;
const URGENT_SECONDS = 600;
const URGENT_PRIORITY = 400;

/**
 * The ten GPU applications whose dumps were measured for the SC23 talk on checkpointing in Kubernetes, as jobs of an hour or so on
 * eight nodes with four GPUs, each dumped in the time that was measured; and urgent jobs of 10 minutes between them.
 */
export function generateApplications(jobs: number, random: Random): { jobs: TraceJob[]; nodes: WorldNode[] } {
  const chance = new Chance(random);
  const nodes = Array.from({ length: NODES }, (_, index) => ({
    name: `node-${index}`,
    cpuMillicores: GPUS_PER_NODE * PROCESSORS_PER_GPU * 1_000,
    memoryBytes: 256 * GIB,
    gpuMillis: GPUS_PER_NODE * 1_000,
  }));
  const meanRun = RUN.medianSeconds * Math.exp(RUN.sigma ** 2 / 2);
  const meanGap = (meanRun * (1 - 1 / URGENT_EVERY)) / (NODES * GPUS_PER_NODE * LOAD);
  let now = 0;
  const made = Array.from({ length: jobs }, (_, index): TraceJob => {
    now += chance.exponential(meanGap);
    const shape = { submitSeconds: Math.round(now), processors: PROCESSORS_PER_GPU, tasks: 1, gpus: 1 };
    if (chance.happens(1 / URGENT_EVERY)) {
      const id = `urgent-${index}`;
      return { ...shape, id, runSeconds: URGENT_SECONDS, memoryBytes: GIB, user: 'on-call', priority: URGENT_PRIORITY };
    }
    const { name, memoryGiB, gpuGiB, frozenSeconds } = chance.pick(...applications());
    const runSeconds = Math.max(60, Math.round(chance.lognormal(RUN.medianSeconds, RUN.sigma)));
    return {
      ...shape,
      id: `${name.toLowerCase().replaceAll(' ', '-')}-${index}`,
      runSeconds,
      walltimeSeconds: runSeconds * chance.integer(1, 4),
      memoryBytes: Math.round(memoryGiB * GIB),
      gpuMemoryBytes: Math.round(gpuGiB * GIB),
      dumpSeconds: frozenSeconds,
      user: name,
      priority: 0,
    };
  });
  return { jobs: made, nodes };
}

type Application = (typeof TEN_APPLICATIONS)[number];

function applications(): readonly [Application, ...Application[]] {
  const [first, ...others] = TEN_APPLICATIONS;
  if (first === undefined) throw new RangeError('there are ten applications');
  return [first, ...others];
}
