import { Agent, type Archive, type Archives, MemoryJournal, onlyArchive, volumeFolder } from '../agent/index.ts';
import type { Timer } from '../clock/index.ts';
import { type Runtime, SimulatedRuntime } from '../runtime/index.ts';
import { MemoryVolumes, SandboxNode } from '../sandbox/index.ts';
import { ComponentHost, type Life, type Program } from './component-host.ts';
import type { NodeInventory } from './history.ts';
import { nodeDisk } from './node-disk.ts';
import { ObservedMachine } from './observed-machine.ts';
import { RemoteArchive } from './remote-store.ts';
import { runtimeFaults } from './runtime-faults.ts';
import type { Surroundings } from './surroundings.ts';

export interface NodeShape {
  name: string;
  cpu: string;
  memory: string;
  pods: number;
}

/** Nobody reads Leases here, and a beat of each node every ten seconds would be most of what a run does. */
const HEARTBEAT_MILLISECONDS = 10_800_000;
const RESYNC_MILLISECONDS = 7_200_000;
const SYSTEM = {
  architecture: 'amd64',
  operatingSystem: 'linux',
  kernelVersion: '6.1.0',
  osImage: 'Debian GNU/Linux 12',
  containerRuntimeVersion: 'simulated://',
  kubeletVersion: 'v0.0.0-fermata',
};

/**
 * One machine of the world with the process that runs on it: node and agent, as `fermata node` wires them. What a machine
 * has beside the process's memory (its pods, its disk, the agent's journal) outlives the process.
 */
export class NodeHost {
  readonly name: string;
  readonly process: ComponentHost;
  readonly #world: Surroundings;
  readonly #machine: ObservedMachine;
  readonly #journal = new MemoryJournal();
  readonly #volumes = new MemoryVolumes();
  readonly #peers: (node: string) => NodeHost | undefined;
  /** Without a runtime somebody must still notice when a process ends. */
  #watch: Timer | undefined;
  #state: 'on' | 'off' | 'lost' = 'on';

  constructor(
    world: Surroundings,
    shape: NodeShape,
    links: { peers: (node: string) => NodeHost | undefined; isUndumpable: (uid: string) => boolean },
  ) {
    this.name = shape.name;
    this.#world = world;
    this.#peers = links.peers;
    const { clock, recorder, outputs, faults, rates, storage, alarms, chance } = world;
    this.#machine = new ObservedMachine({ node: shape.name, recorder, now: () => clock.now(), outputs });
    const files = nodeDisk({
      node: shape.name,
      files: storage.files,
      stream: faults.stream(`disk ${shape.name}`),
      rates: rates.disk,
      recorder,
      alarms,
    });
    const engineFaults = runtimeFaults({
      node: shape.name,
      stream: faults.stream(`runtime ${shape.name}`),
      rates,
      recorder,
      isUndumpable: links.isUndumpable,
    });
    const random = chance.fork(`runtime ${shape.name}`).random;
    this.process = new ComponentHost(world, `node/${shape.name}`, (life) => {
      this.#watch?.cancel();
      this.#watch = undefined;
      const runtime = new SimulatedRuntime({ clock, random, files, faults: engineFaults, machine: this.#machine });
      return this.#program(life, shape, runtime, files);
    });
  }

  /** Where its checkpoints lie. */
  get directory(): string {
    return `/nodes/${this.name}/checkpoints`;
  }

  get state(): 'on' | 'off' | 'lost' {
    return this.#state;
  }

  start(): void {
    this.#world.recorder.add({ kind: 'node', node: this.name, what: 'added' });
    this.process.start();
  }

  /** The machine goes dark: every process on it ends. */
  powerOff(): void {
    if (this.#state !== 'on') return;
    this.#state = 'off';
    this.process.halt();
    this.#watch?.cancel();
    this.#watch = undefined;
    this.#world.recorder.add({ kind: 'node', node: this.name, what: 'powerFailed' });
    this.#machine.powerFail(this.#world.clock.now());
  }

  powerOn(): void {
    if (this.#state !== 'off') return;
    this.#state = 'on';
    this.#world.recorder.add({ kind: 'node', node: this.name, what: 'back' });
    this.process.start();
  }

  /** The machine is gone for good, with its disk. */
  async lose(): Promise<void> {
    if (this.#state === 'lost') return;
    this.#state = 'lost';
    this.process.halt();
    this.#watch?.cancel();
    this.#watch = undefined;
    const { clock, recorder, storage } = this.#world;
    recorder.add({ kind: 'node', node: this.name, what: 'lost' });
    this.#machine.destroy(clock.now());
    for (const folder of await storage.folders(this.directory))
      await storage.files.remove(`${this.directory}/${folder}`);
  }

  async inventory(): Promise<NodeInventory> {
    const { clock, storage } = this.#world;
    return {
      node: this.name,
      pods: this.#machine.pods(clock.now()).map(({ uid }) => uid),
      checkpoints: await storage.folders(this.directory),
      volumes: await this.#volumes.list(),
      journal: this.#journal.entries().map(({ checkpointUid }) => checkpointUid),
    };
  }

  /** Tells what processes that still run have written. */
  settle(): void {
    this.#machine.flush();
  }

  #program(life: Life, shape: NodeShape, runtime: SimulatedRuntime, files: ReturnType<typeof nodeDisk>): Program {
    const { incarnation } = life;
    const fenced: Runtime = incarnation.fence<Runtime>(runtime, { iterate: ['changes', 'logs'] });
    const storage = incarnation.fence(this.#world.storage, {
      replace: { files: incarnation.fence(files) as Surroundings['storage']['files'] },
    });
    const agent = new Agent(
      {
        ...life,
        runtime: fenced,
        journal: incarnation.fence(this.#journal, { now: ['entries', 'put', 'delete', 'close'] }),
        storage,
        ...this.#archive(life, files),
      },
      {
        nodeName: this.name,
        directory: this.directory,
        volumeFolder: (podUid, volume) => volumeFolder(`/nodes/${this.name}/pods`, podUid, volume),
        // The disk of a machine that is off, or gone, is out of reach.
        peers: (other) => {
          const peer = this.#peers(other);
          return peer?.state === 'on' ? peer.directory : undefined;
        },
        resyncMilliseconds: RESYNC_MILLISECONDS,
      },
    );
    const { name, cpu, memory, pods } = shape;
    const node = new SandboxNode(
      { ...life, runtime: fenced, checkpoints: agent, volumes: incarnation.fence(this.#volumes) },
      {
        name,
        directory: `/nodes/${name}`,
        capacity: { cpu, memory, pods },
        system: SYSTEM,
        heartbeatMilliseconds: HEARTBEAT_MILLISECONDS,
        resyncMilliseconds: RESYNC_MILLISECONDS,
      },
    );
    return {
      start: () => {
        agent.start();
        node.start();
      },
      stop: async () => {
        await node.stop();
        await agent.stop();
        await runtime.stop();
        this.#watchMachine();
      },
      killed: () => {
        void runtime.stop();
        this.#watchMachine();
      },
    };
  }

  #archive({ incarnation, clock }: Life, disk: ReturnType<typeof nodeDisk>): { archives?: Archives } {
    const { remote, faults, rates, recorder, alarms } = this.#world;
    if (remote === undefined) return {};
    const stream = faults.stream(`store ${incarnation.name}`);
    const archive = new RemoteArchive(remote, {
      node: this.name,
      disk,
      clock,
      stream,
      rates: rates.store ?? {},
      recorder,
      alarms,
    });
    return { archives: onlyArchive(incarnation.fence<Archive>(archive)) };
  }

  #watchMachine(): void {
    const { clock, alarms } = this.#world;
    const times = this.#machine
      .pods(clock.now())
      .map((pod) => this.#machine.nextChange(pod) ?? Number.POSITIVE_INFINITY);
    const next = Math.min(...times);
    if (next !== Number.POSITIVE_INFINITY) {
      this.#watch = alarms.after(next - clock.now(), () => this.#watchMachine());
    }
  }
}
