import type { Timer } from '../clock/index.ts';
import { isApiError, type Registry } from '../kubernetes/index.ts';
import { NODES } from '../model/index.ts';
import type { ComponentHost } from './component-host.ts';
import { controllerHost, controllerReplica, schedulerReplica } from './control-plane.ts';
import type { FaultStream } from './fault-injector.ts';
import type { ComponentFault, NodeFault } from './fault-rates.ts';
import type { NodeFleet } from './node-fleet.ts';
import type { NodeHost } from './node-host.ts';
import type { Surroundings } from './surroundings.ts';
import { TwoLeaders } from './two-leaders.ts';
import type { Users } from './users.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const UNREACHABLE = { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' };
/** After this long without a sign of life a node counts as unreachable (kube-controller-manager's grace period). */
const GRACE_MILLISECONDS = 40_000;
/** After this long its pods are evicted (the default toleration). */
const EVICTION_MILLISECONDS = 5 * MINUTE;

export interface ChaosParts {
  world: Surroundings;
  scheduler: ComponentHost;
  controller: ComponentHost;
  fleet: NodeFleet;
  users: Users;
}

/** What befalls processes and machines in the course of a day, and what the cluster and its operators do about it. */
export class Chaos {
  readonly #parts: ChaosParts;
  readonly #streams = new Map<string, FaultStream>();
  readonly #twin: ComponentHost;
  readonly #schedulers: TwoLeaders;
  readonly #controllers: TwoLeaders;
  /** Silent nodes, with what the cluster is about to do to them. */
  readonly #silent = new Map<string, { back: () => void; alarms: Timer[] }>();
  #over = false;

  constructor(parts: ChaosParts) {
    this.#parts = parts;
    const { world, scheduler, controller } = parts;
    this.#twin = controllerHost(world, 'controller/twin');
    const pair = <T>(make: (name: string) => T, name: string): [T, T] => [make(`${name}/a`), make(`${name}/b`)];
    const schedulers = pair((name) => schedulerReplica(world, name), 'scheduler');
    const controllers = pair((name) => controllerReplica(world, name), 'controller');
    this.#schedulers = new TwoLeaders(world, scheduler, schedulers);
    this.#controllers = new TwoLeaders(world, controller, controllers);
  }

  start(): void {
    const { rates } = this.#parts.world;
    for (const [fault, perDay] of Object.entries(rates.component) as [ComponentFault, number][]) {
      this.#repeat(`component ${fault}`, perDay, (stream) => this.#strike(fault, stream));
    }
    for (const node of this.#parts.fleet.present) this.watch(node);
    this.#parts.fleet.onAdded = (node) => this.watch(node);
  }

  /** From now on the node has its share of misfortune, and of maintenance. */
  watch(node: NodeHost): void {
    const { rates } = this.#parts.world;
    for (const [fault, perDay] of Object.entries(rates.node) as [NodeFault, number][]) {
      this.#repeat(`node ${node.name} ${fault}`, perDay, (stream) => this.#strikeNode(fault, node, stream));
    }
  }

  /** No more of it: everything that can run runs. */
  calm(): void {
    this.#over = true;
    const { world, scheduler, controller, fleet } = this.#parts;
    world.api.start();
    for (const { back } of [...this.#silent.values()]) back();
    this.#twin.halt();
    for (const host of [scheduler, controller, ...fleet.present.map(({ process }) => process)]) host.setClock(0);
    for (const node of fleet.present) {
      node.powerOn();
      node.process.start();
      this.#parts.users.cordon(node.name, false);
    }
    if (this.#schedulers.calm()) scheduler.start();
    if (this.#controllers.calm()) controller.start();
  }

  #strike(fault: ComponentFault, stream: FaultStream): void {
    const { world, scheduler, controller, fleet } = this.#parts;
    const { chance } = stream;
    const hosts: [ComponentHost, ...ComponentHost[]] = [
      scheduler,
      controller,
      ...fleet.present.map(({ process }) => process),
    ];
    switch (fault) {
      case 'kill':
        // Every other time an update: it is asked to end, and then started again.
        if (chance.happens(0.5)) chance.pick([scheduler, controller]).kill();
        else this.#update(chance.pick(hosts));
        return;
      case 'apiRestart':
        if (!world.api.isUp) return;
        world.api.stop();
        world.alarms.after(chance.exponential(20_000), () => world.api.start());
        return;
      case 'twin':
        this.#twin.start();
        world.alarms.after(chance.exponential(5 * MINUTE), () => this.#twin.halt());
        return;
      case 'twoLeaders':
        if (chance.happens(0.7)) this.#schedulers.begin(stream);
        if (chance.happens(0.7)) this.#controllers.begin(stream);
        return;
      case 'skew':
        chance.pick(hosts).setClock(chance.pick([0, chance.between(-5_000, 5_000), chance.between(-HOUR, HOUR)]));
    }
  }

  #update(host: ComponentHost): void {
    if (!host.isRunning || host.isStopping) return;
    const node = this.#parts.fleet.all.find(({ process }) => process === host);
    void host.stop().then(() => {
      // On a machine that went dark meanwhile nobody starts anything.
      if (!this.#over && (node === undefined || node.state === 'on')) host.start();
    });
  }

  #strikeNode(fault: NodeFault, node: NodeHost, stream: FaultStream): void {
    const { world, fleet, users } = this.#parts;
    const { chance } = stream;
    if (node.state !== 'on') return;
    switch (fault) {
      case 'kill':
        node.process.kill();
        return;
      case 'powerFail':
        node.powerOff();
        this.#silence(node, stream, () => node.powerOn());
        return;
      case 'lost':
        void node.lose();
        world.alarms.after(chance.exponential(10 * MINUTE), () => users.removeNode(node.name));
        world.alarms.after(chance.exponential(10 * MINUTE), () => fleet.add());
        return;
      case 'silent': {
        world.recorder.add({ kind: 'node', node: node.name, what: 'silent' });
        const how = chance.pick(['frozen', 'cut off', 'down']);
        if (how === 'frozen') node.process.freeze();
        else if (how === 'cut off') node.process.cutOff();
        else node.process.halt();
        this.#silence(node, stream, () => {
          world.recorder.add({ kind: 'node', node: node.name, what: 'back' });
          node.process.thaw();
          node.process.reconnect();
          node.process.start();
        });
      }
    }
  }

  /** Nothing is heard of the node until it comes back; the cluster and its operators draw their conclusions. */
  #silence(node: NodeHost, stream: FaultStream, comeBack: () => void): void {
    const { world, users } = this.#parts;
    const { chance } = stream;
    const { name } = node;
    if (this.#silent.has(name)) return;
    const alarms: Timer[] = [];
    const back = (): void => {
      for (const alarm of alarms) alarm.cancel();
      this.#silent.delete(name);
      if (node.state !== 'lost') comeBack();
      this.#taint(name, false);
    };
    this.#silent.set(name, { back, alarms });
    alarms.push(world.alarms.after(chance.exponential(chance.pick([MINUTE, 10 * MINUTE, 2 * HOUR])), back));
    alarms.push(world.alarms.after(GRACE_MILLISECONDS, () => this.#taint(name, true)));
    if (!chance.happens(0.3)) return;
    alarms.push(world.alarms.after(EVICTION_MILLISECONDS, () => users.giveUp(name, false)));
    if (!chance.happens(0.3)) return;
    alarms.push(world.alarms.after(4 * EVICTION_MILLISECONDS, () => users.giveUp(name, true)));
  }

  #taint(node: string, unreachable: boolean): void {
    const { world } = this.#parts;
    const write = async (registry: Registry): Promise<void> => {
      const { spec } = await registry.get(NODES, { name: node });
      const taints = (spec?.taints ?? []).filter(({ key }) => key !== UNREACHABLE.key);
      if (unreachable) taints.push(UNREACHABLE);
      await registry.patch(NODES, { name: node }, { spec: { taints: taints.length === 0 ? null : taints } });
    };
    const work = async (): Promise<void> => write(world.api.reach());
    world.recorder.attributed('node lifecycle', work).catch((error: unknown) => {
      if (!isApiError(error)) throw error;
      if (isApiError(error, 'ServiceUnavailable'))
        world.alarms.after(MINUTE, () => this.#taint(node, this.#silent.has(node)));
    });
  }

  #repeat(name: string, perDay: number, strike: (stream: FaultStream) => void): void {
    if (perDay <= 0) return;
    const { faults, alarms } = this.#parts.world;
    const stream = this.#streams.get(name) ?? faults.stream(name);
    this.#streams.set(name, stream);
    const [kind = '', ...rest] = name.split(' ');
    const next = (): void => {
      alarms.after(stream.chance.exponential(DAY / perDay), () => {
        if (this.#over) return;
        const fault = rest.at(-1) ?? name;
        if (stream.choose(kind, { [fault]: 1 }) !== undefined) strike(stream);
        next();
      });
    };
    next();
  }
}
