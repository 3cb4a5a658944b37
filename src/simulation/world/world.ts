import type { TraceJob } from '../trace/trace-job.ts';

/** A node of the simulated cluster. */
export interface WorldNode {
  readonly name: string;
  readonly cpuMillicores: number;
  readonly memoryBytes: number;
  /** In thousandths: a pod may ask for a part of one. */
  readonly gpuMillis: number;
  readonly gpuModel?: string;
}

/** What interruptions, failures and starts cost. */
export interface WorldCosts {
  /** Part of a dump that does not depend on its size. Default 1 s, as the engine takes it. */
  readonly dumpSeconds: number;
  /** The same of a restore. Default 0.8 s. */
  readonly restoreSeconds: number;
  /** What a node's disk takes and gives, shared by the dumps and restores on it. Infinity: size costs nothing. */
  readonly nodeBytesPerSecond: number;
  /**
   * What a store that all nodes share takes and gives: dumps are uploaded to it in the background, and other nodes fetch them from
   * there. Absent: every node reads every checkpoint as if it lay on its own disk.
   */
  readonly storeBytesPerSecond?: number;
  /** Of a job whose trace does not say. */
  readonly memoryBytesPerProcessor: number;
  /** Share of the dumps that fail, 0 to 1. */
  readonly dumpFailureShare: number;
  /** What a killed job needs before it computes again, beyond what it lost. */
  readonly restartSeconds: number;
  /** The programs themselves save their work so often, and a killed one goes on from there; Infinity: they do not. */
  readonly applicationCheckpointSeconds: number;
  /** Mean time between failures of one node (in a pool: of one processor); Infinity: none. */
  readonly nodeMtbfSeconds: number;
  readonly nodeRepairSeconds: number;
  /** From power-on until a node takes pods, after each time it was away. */
  readonly bootSeconds: number;
  /** Nodes that share a switch or a power supply, neighbours in the list. */
  readonly rackNodes: number;
  /** Mean time between failures of one rack, all of its nodes at once; Infinity: none. Not in a pool. */
  readonly rackMtbfSeconds: number;
  /** Every node is drained once in this time, one after the other; Infinity: never. Not in a pool. */
  readonly drainEverySeconds: number;
  /** How long a drained node is away. */
  readonly drainSeconds: number;
}

export const DEFAULT_COSTS: WorldCosts = {
  dumpSeconds: 1,
  restoreSeconds: 0.8,
  nodeBytesPerSecond: 250 * 1024 ** 2,
  memoryBytesPerProcessor: 1024 ** 3,
  dumpFailureShare: 0,
  restartSeconds: 10,
  applicationCheckpointSeconds: Infinity,
  nodeMtbfSeconds: Infinity,
  nodeRepairSeconds: 600,
  bootSeconds: 0,
  rackNodes: 16,
  rackMtbfSeconds: Infinity,
  drainEverySeconds: Infinity,
  drainSeconds: 3_600,
};

/** Where jobs run. */
export interface World {
  readonly nodes: readonly WorldNode[];
  readonly costs: WorldCosts;
  /**
   * The one node stands for a machine of equal processors, each with a disk of its own; memory is not counted. Else nodes are
   * nodes, and what a job asks for must fit on them.
   */
  readonly isPool: boolean;
}

/** A machine of equal processors. */
export function poolWorld(processors: number, costs: Partial<WorldCosts> = {}): World {
  const node = { name: 'pool', cpuMillicores: processors * 1_000, memoryBytes: Infinity, gpuMillis: 0 };
  return { nodes: [node], costs: { ...DEFAULT_COSTS, ...costs }, isPool: true };
}

export function nodeWorld(nodes: readonly WorldNode[], costs: Partial<WorldCosts> = {}): World {
  return { nodes, costs: { ...DEFAULT_COSTS, ...costs }, isPool: false };
}

/** Processors of all nodes; capacity in shares. */
export function capacityOf({ nodes }: World): number {
  return nodes.reduce((sum, { cpuMillicores }) => sum + cpuMillicores, 0) / 1_000;
}

/** What each task of a job asks a node for. */
export interface TaskShape {
  readonly tasks: number;
  readonly cpuMillicores: number;
  readonly memoryBytes: number;
  readonly gpuMillis: number;
  readonly gpuModel: string | undefined;
}

/**
 * How a job is cut into tasks: as its trace says; in a pool, one a processor; else the fewest equal ones that fit the largest
 * node.
 */
export function shapeOf(job: TraceJob, world: World): TaskShape {
  const gpuMillis = Math.round((job.gpus ?? 0) * 1_000);
  const memoryBytes = memoryOf(job, world);
  const tasks = job.tasks ?? (world.isPool ? job.processors : fewestTasks(job, world));
  return {
    tasks,
    cpuMillicores: Math.max(1, Math.floor((job.processors * 1_000) / tasks)),
    memoryBytes: world.isPool ? 0 : Math.ceil(memoryBytes / tasks),
    gpuMillis: world.isPool ? 0 : Math.ceil(gpuMillis / tasks),
    gpuModel: world.isPool ? undefined : job.gpuModel,
  };
}

/** Cpu of the largest node: every job without tasks asks for it. */
const largestNodes = new WeakMap<World, number>();

function fewestTasks({ processors }: TraceJob, world: World): number {
  const largest =
    largestNodes.get(world) ?? world.nodes.reduce((most, { cpuMillicores }) => Math.max(most, cpuMillicores), 1);
  largestNodes.set(world, largest);
  return Math.max(1, Math.ceil((processors * 1_000) / largest));
}

/** Bytes of main memory of the whole job. */
export function memoryOf(job: TraceJob, { costs }: World): number {
  return job.memoryBytes ?? Math.round(job.processors * costs.memoryBytesPerProcessor);
}

/** What a dump of the whole job writes. */
export function imageBytesOf(job: TraceJob, world: World): number {
  return memoryOf(job, world) + (job.gpuMemoryBytes ?? 0);
}
