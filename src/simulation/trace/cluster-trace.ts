import {
  type Node,
  type Pod,
  parseResources,
  parseWalltime,
  podRequests,
  reasonOf,
  WALLTIME_ANNOTATION,
} from '../../model/index.ts';
import type { WorldNode } from '../world/world.ts';
import type { TraceJob } from './trace-job.ts';

/** Names under which clusters count GPUs. */
const GPU_RESOURCES = ['nvidia.com/gpu', 'amd.com/gpu', 'gpu.intel.com/i915'];
const GPU_MODEL_LABELS = ['nvidia.com/gpu.product', 'amd.com/gpu.product-name'];

/** A pod as seen last, and when it was gone, ms since the epoch. */
interface Seen {
  readonly pod: Pod;
  readonly goneAt: number | undefined;
}

/** Makes a trace of what a cluster's API said about its pods and nodes. */
export class ClusterTrace {
  readonly #pods = new Map<string, Seen>();
  readonly #nodes = new Map<string, WorldNode>();
  /** The latest instant that anything mentions: the snapshot's own time. */
  #latest = 0;

  /** @param goneAt when its deletion was seen, ms since the epoch */
  takePod(pod: Pod, goneAt?: number): void {
    this.#pods.set(pod.metadata.uid, { pod, goneAt });
    for (const at of [goneAt, createdAt(pod), startedAt(pod), finishedAt(pod)]) {
      if (at !== undefined && at > this.#latest) this.#latest = at;
    }
  }

  /** The instant at which all of it was seen, where somebody wrote that down. */
  seenAt(at: number): void {
    if (at > this.#latest) this.#latest = at;
  }

  takeNode(node: Node): void {
    const allocatable = parseResources(node.status?.allocatable);
    const gpus = GPU_RESOURCES.reduce((sum, name) => sum + (allocatable[name] ?? 0), 0);
    const model = GPU_MODEL_LABELS.map((label) => node.metadata.labels?.[label]).find((name) => name !== undefined);
    this.#nodes.set(node.metadata.name, {
      name: node.metadata.name,
      cpuMillicores: allocatable.cpu ?? 0,
      memoryBytes: allocatable.memory ?? 0,
      gpuMillis: gpus * 1_000,
      ...(gpus > 0 && model !== undefined ? { gpuModel: model } : {}),
    });
  }

  /** Nodes that have anything to give. */
  nodes(): WorldNode[] {
    return [...this.#nodes.values()].filter(({ cpuMillicores }) => cpuMillicores > 0);
  }

  /** The pods as jobs; `reject` hears of those that are none. Second 0 is the creation of the oldest. */
  jobs(reject: (pod: string, reason: string) => void): TraceJob[] {
    const jobs: TraceJob[] = [];
    const pods = [...this.#pods.values()];
    const first = pods.reduce((earliest, { pod }) => Math.min(earliest, createdAt(pod) ?? earliest), Infinity);
    for (const { pod, goneAt } of pods) {
      const job = this.#read(pod, goneAt, first);
      if (typeof job === 'string') reject(`${pod.metadata.namespace ?? 'default'}/${pod.metadata.name}`, job);
      else jobs.push(job);
    }
    return jobs.sort((one, other) => one.submitSeconds - other.submitSeconds || (one.id < other.id ? -1 : 1));
  }

  #read(pod: Pod, goneAt: number | undefined, first: number): TraceJob | string {
    try {
      return this.#jobOf(pod, goneAt, first);
    } catch (error) {
      // A quantity that is none.
      return reasonOf(error);
    }
  }

  #jobOf(pod: Pod, goneAt: number | undefined, first: number): TraceJob | string {
    const created = createdAt(pod);
    const started = startedAt(pod);
    if (created === undefined) return 'has no time of creation';
    if (started === undefined) return 'did not start: how long it would run is not known';
    const ended = finishedAt(pod) ?? goneAt;
    const walltime = walltimeOf(pod);
    // Seen at a random moment of its life, a pod has as much before it as behind it, on average.
    const runSeconds = ((ended ?? started + 2 * (this.#latest - started)) - started) / 1_000;
    if (runSeconds <= 0) return 'run time is not more than zero';
    const { cpu = 0, memory = 0, ...others } = podRequests(pod);
    const gpus = GPU_RESOURCES.reduce((sum, name) => sum + (others[name] ?? 0), 0);
    if (cpu <= 0) return 'requests no processors';
    return {
      id: pod.metadata.uid,
      submitSeconds: (created - first) / 1_000,
      runSeconds,
      processors: cpu / 1_000,
      tasks: 1,
      ...(walltime === undefined ? {} : { walltimeSeconds: walltime }),
      ...(memory > 0 ? { memoryBytes: memory } : {}),
      ...(gpus > 0 ? { gpus } : {}),
      user: pod.metadata.namespace ?? 'default',
      priority: pod.spec.priority ?? 0,
    };
  }
}

function createdAt({ metadata }: Pod): number | undefined {
  return timeOf(metadata.creationTimestamp);
}

function startedAt({ status }: Pod): number | undefined {
  return timeOf(status?.startTime);
}

/** When the last of its containers ended, of a pod that has ended. */
function finishedAt({ status }: Pod): number | undefined {
  if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') return undefined;
  const ends = (status.containerStatuses ?? []).map(({ state }) => timeOf(state?.terminated?.finishedAt) ?? 0);
  const last = Math.max(0, ...ends);
  return last > 0 ? last : undefined;
}

function walltimeOf({ metadata, spec }: Pod): number | undefined {
  const said = metadata.annotations?.[WALLTIME_ANNOTATION];
  if (said === undefined) return spec.activeDeadlineSeconds;
  try {
    return parseWalltime(said) / 1_000;
  } catch {
    // A walltime that nobody can read says nothing, to the scheduler neither.
    return undefined;
  }
}

function timeOf(text: unknown): number | undefined {
  const time = typeof text === 'string' ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}
