import { join } from 'node:path';
import type { Clock, Random } from '../../clock/index.ts';
import { EventRecorder, type ObjectStore } from '../../kubernetes/index.ts';
import { FermataError, type Log, parseResources, reasonOf, type Taint } from '../../model/index.ts';
import type { LogOptions, Runtime } from '../../runtime/index.ts';
import type { CheckpointSource } from './checkpoint-source.ts';
import { HOST_IP, LEASE_RENEW_MILLISECONDS, RESYNC_MILLISECONDS } from './defaults.ts';
import type { NodeDescription, NodeHealth, NodeSystem } from './node-object.ts';
import { NodeRegistration } from './node-registration.ts';
import { thisMachine } from './node-system.ts';
import { PodLoop } from './pod-loop.ts';
import { DiskVolumes } from './volumes/disk-volumes.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';

export interface SandboxNodeParts {
  store: ObjectStore;
  runtime: Runtime;
  clock: Clock;
  random: Random;
  log: Log;
  /** Usually the agent of the same node. */
  checkpoints: CheckpointSource;
  /** Default: folders below the node's directory. */
  volumes?: PodVolumes;
  /** Whether the machine runs short of something; default: it never does. */
  pressure?: () => Promise<Pick<NodeHealth, 'memoryPressure' | 'diskPressure'>>;
}

export interface SandboxNodeOptions {
  name: string;
  /** The node's own folder (absolute); pods' volumes are made in `pods/<uid>/volumes`. */
  directory: string;
  /** Quantities. `extended` holds further resources by name, e.g. `example.com/fpga`. */
  capacity: { cpu: string; memory: string; pods: number; extended?: Readonly<Record<string, string>> };
  labels?: Readonly<Record<string, string>>;
  /** Set when the node registers for the first time. */
  taints?: readonly Taint[];
  /** Make the containers of pods nominated to this node while their victims are still being dumped. Default true. */
  prepareAhead?: boolean;
  /** Default: this machine. */
  system?: NodeSystem;
  /** Shown in the node's kubeletVersion. */
  version?: string;
  /** How often the node renews its Lease and looks how it fares. Default 10 s. */
  heartbeatMilliseconds?: number;
  /** How often all pods are looked at although nothing was reported. Default 30 s. */
  resyncMilliseconds?: number;
}

/**
 * One node of the sandbox: a small kubelet over a {@link Runtime}. It may be stopped, or killed, and started again at any
 * moment: pods run on, and what runs is taken over without a restart.
 */
export class SandboxNode {
  readonly name: string;
  readonly #runtime: Runtime;
  readonly #events: EventRecorder;
  readonly #pods: PodLoop;
  readonly #registration: NodeRegistration;

  constructor(parts: SandboxNodeParts, options: SandboxNodeOptions) {
    const { name, directory, capacity } = options;
    this.name = name;
    this.#runtime = parts.runtime;
    this.#events = new EventRecorder(parts, { component: 'fermata-node', host: name });
    const { cpu, memory, pods, extended = {} } = capacity;
    const allocatable = parseResources({ ...extended, cpu, memory, pods });
    const description: NodeDescription = {
      name,
      capacity: allocatable,
      labels: options.labels ?? {},
      taints: options.taints ?? [],
      system: options.system ?? thisMachine(parts.runtime.name, options.version ?? '0.0.0'),
    };
    const health = async (signal: AbortSignal): Promise<NodeHealth> => ({
      ...(await parts.pressure?.()),
      runtimeFailure: await failureOf(parts.runtime, signal),
    });
    const { heartbeatMilliseconds = LEASE_RENEW_MILLISECONDS } = options;
    this.#registration = new NodeRegistration(parts, description, health, heartbeatMilliseconds);
    const volumes = parts.volumes ?? new DiskVolumes(join(directory, 'pods'));
    this.#pods = new PodLoop(
      { ...parts, volumes, events: this.#events },
      {
        nodeName: name,
        allocatable,
        hostIP: HOST_IP,
        prepareAhead: options.prepareAhead ?? true,
        resyncMilliseconds: options.resyncMilliseconds ?? RESYNC_MILLISECONDS,
      },
    );
  }

  start(): void {
    this.#pods.start();
    this.#registration.start();
  }

  /** Pods go on running. */
  async stop(): Promise<void> {
    await Promise.all([this.#pods.stop(), this.#registration.stop()]);
    await this.#events.flush();
  }

  hasPod(namespace: string, pod: string): boolean {
    return this.#pods.uidOf(namespace, pod) !== undefined;
  }

  /** Throws `PodNotFound` when no pod of that name is bound to this node. */
  logs(namespace: string, pod: string, container: string, options: LogOptions): AsyncIterable<Uint8Array> {
    const uid = this.#pods.uidOf(namespace, pod);
    if (uid === undefined) {
      throw new FermataError('PodNotFound', `pod ${namespace}/${pod} is not on node ${this.name}`);
    }
    return this.#runtime.logs(uid, container, options);
  }
}

async function failureOf(runtime: Runtime, signal: AbortSignal): Promise<string | undefined> {
  try {
    await runtime.list(signal);
    return undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    return reasonOf(error);
  }
}
