import { Agent, MemoryJournal, MemoryStorage, StorageDemand } from '../../src/agent/index.ts';
import { MemoryFiles } from '../../src/checkpoint/index.ts';
import { seededRandom, VirtualClock } from '../../src/clock/index.ts';
import { GroupController, InterruptionController } from '../../src/controllers/index.ts';
import { EventRecorder, isApiError, MemoryBacking, type ObjectStore, Registry } from '../../src/kubernetes/index.ts';
import {
  conditionOf,
  type Draft,
  EVENTS,
  isConditionTrue,
  type KubeEvent,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  SILENT_LOG,
} from '../../src/model/index.ts';
import {
  type PodObservation,
  type SimulatedFaults,
  SimulatedMachine,
  SimulatedOutputs,
  SimulatedRuntime,
} from '../../src/runtime/index.ts';
import { MemoryVolumes, SandboxNode } from '../../src/sandbox/index.ts';
import { type DeathPlan, ProcessDeath } from './process-death.ts';

/** How long the container engine takes to answer; half of it the answer is old when it comes. */
export const LIST_MILLISECONDS = 4;
const REMOVE_MILLISECONDS = 40;

const SYSTEM = {
  architecture: 'amd64',
  operatingSystem: 'linux',
  kernelVersion: '6.1',
  osImage: 'test',
  containerRuntimeVersion: 'simulated://',
  kubeletVersion: 'v0',
};

export interface WorldOptions {
  nodes?: readonly string[];
  cpu?: string;
  faults?: SimulatedFaults;
  /** How much later than it happens the nodes see a change. Default 0. */
  watchLagMilliseconds?: number;
  /** What the nodes' calls go through on their way to the API server. */
  network?: (store: ObjectStore) => ObjectStore;
  /** What the agents' orders go through on their way to the runtime. */
  hands?: (runtime: SimulatedRuntime) => SimulatedRuntime;
  /** The agents heed what owners' policies demand. Default false. */
  policies?: boolean;
  /** Run the interruption controller, so that stopped pods come back. Default false. */
  controller?: boolean;
  /** How the lives of the first node's process end, one after the other; then it lives on. */
  deaths?: readonly DeathPlan[];
}

interface LocalNode {
  name: string;
  machine: SimulatedMachine;
  journal: MemoryJournal;
  volumes: MemoryVolumes;
  /** One for each life of its process. */
  lives: { death: ProcessDeath; runtime: SimulatedRuntime; agent: Agent; node: SandboxNode }[];
}

/** A cluster of local nodes in virtual time: real registry, agents and node loops; simulated machines. */
export class NodeWorld {
  readonly clock = new VirtualClock();
  readonly random = seededRandom(1);
  readonly store: Registry;
  readonly files = new MemoryFiles();
  readonly storage = new MemoryStorage(this.files);
  readonly outputs = new SimulatedOutputs();
  readonly nodes: LocalNode[];
  /** Names of pods that were ever seen with a container that had failed. */
  readonly failedPods: string[] = [];
  readonly #options: WorldOptions;
  readonly #controllers: readonly (InterruptionController | GroupController)[];

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    const { clock, random } = this;
    this.store = new Registry({ backing: new MemoryBacking(), clock, random });
    this.store.subscribe(({ object }) => {
      if (object.kind === 'Pod' && hasFailed(object as Pod)) this.failedPods.push(object.metadata.name);
    });
    this.nodes = (options.nodes ?? ['n1']).map((name) => ({
      name,
      machine: new SimulatedMachine(this.outputs),
      journal: new MemoryJournal(),
      volumes: new MemoryVolumes(),
      lives: [],
    }));
    for (const node of this.nodes) this.#begin(node);
    this.#controllers = [];
    if (options.controller === true) {
      const parts = { store: this.store, clock, random, log: SILENT_LOG };
      const events = new EventRecorder(parts, { component: 'test' });
      this.#controllers = [new InterruptionController({ ...parts, events }), new GroupController({ ...parts, events })];
      for (const controller of this.#controllers) controller.start();
    }
  }

  /** Starts the node's process, for the first time or after it was killed. */
  #begin(local: LocalNode): void {
    const { clock, random, files, storage } = this;
    const plans = local === this.nodes[0] ? this.#options.deaths : undefined;
    const death = new ProcessDeath(plans?.[local.lives.length]);
    const { faults, network = (store) => store, hands = (each) => each, policies = false } = this.#options;
    const runtime = new SimulatedRuntime({
      clock,
      files,
      machine: local.machine,
      ...(faults === undefined ? {} : { faults }),
    });
    const parts = {
      store: death.store(network(lagging(this.store, clock, this.#options.watchLagMilliseconds ?? 0))),
      runtime: death.runtime(hands(realistic(runtime, clock))),
      clock,
      random,
      log: SILENT_LOG,
    };
    const directory = `/nodes/${local.name}`;
    const agent = new Agent(
      {
        ...parts,
        journal: death.journal(local.journal),
        storage,
        ...(policies && { demand: new StorageDemand(parts.store, undefined) }),
      },
      { nodeName: local.name, directory: `${directory}/checkpoints`, peers: (peer) => `/nodes/${peer}/checkpoints` },
    );
    const capacity = { cpu: this.#options.cpu ?? '1', memory: '4Gi', pods: 10 };
    const node = new SandboxNode(
      { ...parts, checkpoints: agent, volumes: local.volumes },
      { name: local.name, directory, capacity, system: SYSTEM },
    );
    local.lives.push({ death, runtime, agent, node });
    agent.start();
    node.start();
  }

  life(name = 'n1') {
    const life = this.nodes.find((node) => node.name === name)?.lives.at(-1);
    if (life === undefined) throw new Error(`no node ${name}`);
    return life;
  }

  /** Calls of the first life of the first node's process. */
  get calls(): readonly string[] {
    return this.nodes[0]?.lives[0]?.death.calls ?? [];
  }

  /** Starts again what died, as the supervisor does. */
  async revive(): Promise<void> {
    for (const local of this.nodes) {
      for (let life = local.lives.at(-1); life?.death.dead; life = local.lives.at(-1)) {
        await life.runtime.stop();
        this.#begin(local);
        // Lets it set its first alarms: the clock would otherwise go on to the next one of somebody else.
        await this.clock.advance(0);
      }
    }
  }

  async until(condition: () => boolean | Promise<boolean>, seconds = 600): Promise<void> {
    await this.clock.advanceUntil(async () => {
      await this.revive();
      return condition();
    }, seconds * 1000);
  }

  async pass(seconds: number): Promise<void> {
    const end = this.clock.now() + seconds * 1000;
    this.clock.setTimer(seconds * 1000, () => undefined);
    await this.until(() => this.clock.now() >= end, seconds + 1);
  }

  async pod(name: string): Promise<Pod | undefined> {
    try {
      return await this.store.get(PODS, { namespace: 'default', name });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async checkpoint(name: string): Promise<PodCheckpoint | undefined> {
    try {
      return await this.store.get(POD_CHECKPOINTS, { namespace: 'default', name });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async isTrue(checkpoint: string, condition: string): Promise<boolean> {
    return isConditionTrue((await this.checkpoint(checkpoint))?.status?.conditions, condition);
  }

  async reasonOf(checkpoint: string, condition: string): Promise<string | undefined> {
    return conditionOf((await this.checkpoint(checkpoint))?.status?.conditions, condition)?.reason;
  }

  async phase(pod: string): Promise<string | undefined> {
    return (await this.pod(pod))?.status?.phase;
  }

  async events(reason: string): Promise<KubeEvent[]> {
    return (await this.store.list(EVENTS)).items.filter((event) => event.reason === reason);
  }

  /** Ends the living and shows that no timer is left of them. */
  async stop(): Promise<void> {
    await Promise.all(this.#controllers.map((controller) => controller.stop()));
    for (const { lives } of this.nodes) {
      const life = lives.at(-1);
      if (life === undefined || life.death.dead) continue;
      await Promise.all([life.node.stop(), life.agent.stop()]);
      await life.runtime.stop();
    }
    this.store.close();
  }
}

function hasFailed(pod: Pod): boolean {
  return (pod.status?.containerStatuses ?? []).some(
    ({ state, lastState }) => (state?.terminated?.exitCode ?? 0) + (lastState?.terminated?.exitCode ?? 0) !== 0,
  );
}

/**
 * What a container engine adds to the simulated machine: in the middle of a dump, or after one that was cut off, it shows
 * the container as one that crashed (Podman does; only who ordered the dump can tell); its answers are a little old when
 * they come; and it takes time to remove a pod.
 */
function realistic(runtime: SimulatedRuntime, clock: VirtualClock): SimulatedRuntime {
  const isDumped = (uid: string): boolean => runtime.machine.pod(uid, clock.now())?.dump !== undefined;
  const list = async (signal?: AbortSignal): Promise<PodObservation[]> => {
    await clock.sleep(LIST_MILLISECONDS / 2, signal);
    const seen = (await runtime.list(signal)).map((pod) =>
      isDumped(pod.uid)
        ? { ...pod, containers: pod.containers.map((one) => ({ ...one, state: 'exited' as const, exitCode: 137 })) }
        : pod,
    );
    await clock.sleep(LIST_MILLISECONDS / 2, signal);
    return seen;
  };
  const removePod = async (uid: string, graceSeconds: number, signal?: AbortSignal): Promise<void> => {
    await clock.sleep(REMOVE_MILLISECONDS, signal);
    await runtime.removePod(uid, graceSeconds, signal);
  };
  return new Proxy(runtime, {
    get: (object, property) => {
      if (property === 'list') return list;
      if (property === 'removePod') return removePod;
      const value: unknown = Reflect.get(object, property, object);
      return typeof value === 'function' ? value.bind(object) : value;
    },
  });
}

/** Watches that lag behind the server: what is seen may be old when it is acted on. */
function lagging(store: ObjectStore, clock: VirtualClock, milliseconds: number): ObjectStore {
  if (milliseconds === 0) return store;
  return new Proxy(store, {
    get: (object, property) => {
      const value: unknown = Reflect.get(object, property, object);
      if (typeof value !== 'function') return value;
      if (property !== 'watch') return value.bind(object);
      return async function* (...[type, options]: Parameters<ObjectStore['watch']>) {
        for await (const event of object.watch(type, options)) {
          const late = await Promise.allSettled([clock.sleep(milliseconds, options.signal)]);
          if (late[0].status === 'rejected') return; // the watch was ended
          yield event;
        }
      };
    },
  });
}

/** A pod of the demo's program. Its steps go to a file on a volume that all nodes share. */
export function counting(
  name: string,
  options: {
    steps?: number;
    cpu?: string;
    nodeName?: string;
    stepMilliseconds?: number;
    annotations?: Record<string, string>;
  } = {},
): Draft<Pod> {
  const { steps = 20, cpu = '1', nodeName, stepMilliseconds = 100, annotations } = options;
  return {
    metadata: { name, namespace: 'default', ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: 'localhost/demo:1',
          resources: { requests: { cpu } },
          env: [
            { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
            { name: 'FERMATA_STEPS', value: String(steps) },
            { name: 'FERMATA_STEP_MILLISECONDS', value: String(stepMilliseconds) },
            { name: 'FERMATA_OUTPUT', value: '/out/$(POD_NAME)' },
          ],
          volumeMounts: [{ name: 'out', mountPath: '/out' }],
        },
      ],
      volumes: [{ name: 'out', hostPath: { path: '/shared' } }],
    },
  };
}

export function stopping(pod: Pod, name = 'c1', spec: Partial<PodCheckpoint['spec']> = {}): Draft<PodCheckpoint> {
  return {
    metadata: { name, namespace: pod.metadata.namespace ?? '' },
    spec: {
      sourcePod: { name: pod.metadata.name, uid: pod.metadata.uid },
      postCheckpointState: 'Stopped',
      reason: 'Preemption',
      restore: 'Automatic',
      ...spec,
    },
  };
}

export const STEPS = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
