import { type Container, type Pod, type PodSpec, podRequests, type Volume } from '../../model/index.ts';
import { DEFAULT_SCORED_CPU_MILLICORES, DEFAULT_SCORED_MEMORY_BYTES } from '../constants.ts';
import { isHostDevice } from './host-device.ts';
import type { ResourceSpace } from './resource-space.ts';

/** What a pod takes on its node. */
export interface Amounts {
  readonly requests: Float64Array;
  /** Requests as scores see them: containers without a request count with a default. */
  readonly scoredCpu: number;
  readonly scoredMemory: number;
}

/** Throws `QuantityInvalid` when a request cannot be read. */
export function amountsOf(pod: Pick<Pod, 'spec' | 'status'>, space: ResourceSpace): Amounts {
  const scored = podRequests(pod, SCORED_DEFAULTS);
  return {
    requests: space.vector(podRequests(pod)),
    scoredCpu: scored.cpu ?? 0,
    scoredMemory: scored.memory ?? 0,
  };
}

const SCORED_DEFAULTS = { cpu: DEFAULT_SCORED_CPU_MILLICORES, memory: DEFAULT_SCORED_MEMORY_BYTES };

/** What pods made alike have in common: kept once for all of them, worked out once. */
export interface PodTemplate extends Amounts {
  /**
   * Equal for pods that are alike to plugins that read one node only: everything in the spec but priority, volumes, topology
   * spread and affinity between pods.
   */
  readonly shape: number;
  /** What decisions read of the spec, without `nodeName`. */
  readonly spec: PodSpec;
}

/** Fields of the spec that decisions read; the rest (environment, probes, security …) is not kept. */
const KEPT: readonly (keyof PodSpec)[] = [
  'activeDeadlineSeconds',
  'affinity',
  'hostNetwork',
  'nodeSelector',
  'os',
  'overhead',
  'preemptionPolicy',
  'priority',
  'priorityClassName',
  'restartPolicy',
  'runtimeClassName',
  'schedulerName',
  'terminationGracePeriodSeconds',
  'tolerations',
  'topologySpreadConstraints',
];
/** Newer than the upstream types in use. */
const KEPT_NEWER = ['resources', 'resourceClaims', 'schedulingGates', 'schedulingGroup', 'workloadRef'];
/** Not part of the shape. */
const BEYOND_SHAPE = new Set<string>([
  'activeDeadlineSeconds',
  'preemptionPolicy',
  'priority',
  'priorityClassName',
  'schedulingGates',
  'schedulingGroup',
  'terminationGracePeriodSeconds',
  'topologySpreadConstraints',
  'volumes',
  'workloadRef',
]);
/** Volumes that every node can mount. */
const EVERYWHERE: readonly (keyof Volume)[] = [
  'configMap',
  'downwardAPI',
  'emptyDir',
  'gitRepo',
  'hostPath',
  'nfs',
  'projected',
  'secret',
];
/** Templates of one-off pods would add up for ever: when there are this many, they are all forgotten, and made again. */
const MOST_TEMPLATES = 20_000;

/** Specs that share their containers with others, of which is remembered what their template is. */
const MOST_SHARED = 256;

/** Finds the template of a pod by the content of its spec. */
export class PodTemplates {
  readonly #space: ResourceSpace;
  readonly #bySpec = new Map<string, PodTemplate>();
  readonly #shapes = new Map<string, number>();
  /** By the containers: a new version of a pod that was bound, made from the one before, still has the same object there. */
  readonly #shared = new Map<PodSpec['containers'], { readonly spec: PodSpec; readonly template: PodTemplate }>();
  #nextShape = 0;

  constructor(space: ResourceSpace) {
    this.#space = space;
  }

  /** Throws `QuantityInvalid` when a request cannot be read. */
  of(spec: PodSpec): PodTemplate {
    const shared = this.#shared.get(spec.containers);
    if (shared !== undefined && isSameButNode(shared.spec, spec)) return shared.template;
    const template = this.#byContent(spec);
    if (this.#shared.size >= MOST_SHARED) this.#shared.clear();
    this.#shared.set(spec.containers, { spec, template });
    return template;
  }

  #byContent(spec: PodSpec): PodTemplate {
    const kept = keptOf(spec);
    const key = JSON.stringify(kept);
    const known = this.#bySpec.get(key);
    if (known !== undefined) return known;
    const template: PodTemplate = { shape: this.#shapeOf(kept), spec: kept, ...amountsOf({ spec }, this.#space) };
    if (this.#bySpec.size >= MOST_TEMPLATES) this.#bySpec.clear();
    this.#bySpec.set(key, template);
    return template;
  }

  /** A number never given twice, so that forgetting shapes costs work, never a wrong answer. */
  #shapeOf(kept: PodSpec): number {
    const key = JSON.stringify(kept, (name, value: unknown) =>
      BEYOND_SHAPE.has(name) || name === 'podAffinity' || name === 'podAntiAffinity' ? undefined : value,
    );
    let shape = this.#shapes.get(key);
    if (shape === undefined) {
      if (this.#shapes.size >= MOST_TEMPLATES) this.#shapes.clear();
      shape = this.#nextShape++;
      this.#shapes.set(key, shape);
    }
    return shape;
  }
}

/** Whether both have the very same values in all fields but `nodeName`. */
function isSameButNode(one: PodSpec, other: PodSpec): boolean {
  if (one === other) return true;
  for (const name in one) if (name !== 'nodeName' && !isAlike(one, other, name)) return false;
  for (const name in other) if (name !== 'nodeName' && !isAlike(one, other, name)) return false;
  return true;
}

function isAlike(one: PodSpec, other: PodSpec, name: string): boolean {
  return one[name as keyof PodSpec] === other[name as keyof PodSpec];
}

function keptOf(spec: PodSpec): PodSpec {
  const kept: Record<string, unknown> = { containers: spec.containers.map(containerKept) };
  const source = spec as unknown as Record<string, unknown>;
  for (const name of KEPT) if (source[name] !== undefined) kept[name] = source[name];
  for (const name of KEPT_NEWER) if (source[name] !== undefined) kept[name] = source[name];
  if (spec.initContainers !== undefined) kept.initContainers = spec.initContainers.map(containerKept);
  const volumes = spec.volumes?.filter(isRead) ?? [];
  if (volumes.length > 0) kept.volumes = volumes;
  return kept as unknown as PodSpec;
}

/** Devices of the node are: such a pod cannot be checkpointed. */
function isRead(volume: Volume): boolean {
  return isHostDevice(volume) || !EVERYWHERE.some((kind) => volume[kind] !== undefined);
}

function containerKept(container: Container): Container {
  const { name, image, resources, restartPolicy, volumeDevices } = container;
  const kept: Container = { name };
  if (image !== undefined) kept.image = image;
  if (resources !== undefined) kept.resources = resources;
  if (restartPolicy !== undefined) kept.restartPolicy = restartPolicy;
  if (volumeDevices !== undefined) kept.volumeDevices = volumeDevices;
  if (container.ports?.some(({ hostPort }) => hostPort !== undefined) === true) kept.ports = container.ports;
  return kept;
}
