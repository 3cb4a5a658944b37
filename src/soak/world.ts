import { MemoryStorage } from '../agent/index.ts';
import { MemoryFiles } from '../checkpoint/index.ts';
import { VirtualClock } from '../clock/index.ts';
import { type Log, SILENT_LOG } from '../model/index.ts';
import { SimulatedOutputs } from '../runtime/index.ts';
import { ApiServer } from './api-server.ts';
import { Chance } from './chance.ts';
import { Chaos } from './chaos.ts';
import type { ComponentHost } from './component-host.ts';
import { controllerHost, schedulerHost } from './control-plane.ts';
import { FaultInjector, type InjectedFault } from './fault-injector.ts';
import type { FaultRates } from './fault-rates.ts';
import { furnish } from './furnishing.ts';
import { jobOf } from './gang-plan.ts';
import type { HistoryEntry, HistoryListener, ProcessEntry, Violation } from './history.ts';
import { Maintenance } from './maintenance.ts';
import { NodeFleet } from './node-fleet.ts';
import { Recorder } from './recorder.ts';
import { RemoteStore } from './remote-store.ts';
import { UNDUMPABLE_ANNOTATION } from './runtime-faults.ts';
import type { Surroundings } from './surroundings.ts';
import { Users } from './users.ts';
import { type PlannedWorkload, planWorkload } from './workload.ts';
import { WorldAlarms } from './world-alarms.ts';

export interface WorldOptions {
  seed: number;
  /** Days with faults; before and after them there are none. */
  days: number;
  nodes: number;
  workloadsPerDay: number;
  rates: FaultRates;
  /** Whether users checkpoint pods in groups. Default false. */
  groups?: boolean;
  /** Whether some workloads are ranks of one job (PodGroup): interrupted together, and some started together. Default false. */
  gangs?: boolean;
  /** When faults stop and no more workloads come. Default: after `days`, by which workloads are planned all the same. */
  stopAfterDays?: number;
  /** Only these faults, by id; default all that chance brings. */
  onlyFaults?: readonly string[];
  /** Only these workloads, by index; default all. */
  onlyWorkloads?: readonly number[];
}

export interface WorldObservers {
  listeners: readonly HistoryListener[];
  /** Digest the history. Default false. */
  digest?: boolean;
  /** Gets the product's log lines. */
  log?: (component: string) => Log;
  /** Called now and then, with the days that have passed. */
  progress?: (days: number) => void;
}

export interface WorldResult {
  entries: number;
  digest: string | undefined;
  startedAt: number;
  faults: readonly InjectedFault[];
  /** What the world itself saw go wrong, beside the judge. */
  violations: readonly Violation[];
  faultCounts: Readonly<Record<string, number>>;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Before the first fault everything starts and finds each other. */
const PRELUDE_MILLISECONDS = 60_000;
/** What is to happen happens within this time after the last fault: backoffs, retention's graces, owners who clear away. */
export const SETTLE_MILLISECONDS = 6 * HOUR;
/** Owners do not let a pod begin again for ever: that is thousands of times the same a day, and hides what is rare. */
const MOST_STARTS = 8;
/** Nor do they wait for ever for a restore that fails each time; more than any workload is interrupted. */
const MOST_INCARNATIONS = 20;
/** Longer than any component may take to end. */
const STOP_MILLISECONDS = 600_000;

/** The whole control plane with its nodes, its users and its misfortunes, in one process, out of one seed. */
export class World {
  readonly #options: WorldOptions;
  readonly #observers: WorldObservers;
  readonly #surroundings: Surroundings;
  readonly #undumpable = new Set<string>();
  readonly #fleet: NodeFleet;
  readonly #scheduler: ComponentHost;
  readonly #controller: ComponentHost;
  readonly #users: Users;
  readonly #workloads = new Map<string, PlannedWorkload>();
  /** Pod UID → how often one of its processes has come to life. */
  readonly #starts = new Map<string, number>();
  /** `namespace/name` → pods of that name so far. */
  readonly #incarnations = new Map<string, number>();
  readonly #violations: Violation[] = [];

  constructor(options: WorldOptions, observers: WorldObservers) {
    this.#options = options;
    this.#observers = observers;
    const clock = new VirtualClock(undefined, { settling: 'reactions' });
    const chance = new Chance(options.seed);
    const now = (): number => clock.now();
    const listeners = [(entry: HistoryEntry) => this.#observe(entry), ...observers.listeners];
    const recorder = new Recorder(now, listeners, { digest: observers.digest ?? false });
    this.#surroundings = {
      clock,
      chance,
      faults: new FaultInjector(chance.fork('faults'), now, options.onlyFaults),
      rates: options.rates,
      recorder,
      api: new ApiServer({ clock, random: chance.fork('api server').random, recorder }),
      storage: new MemoryStorage(new MemoryFiles()),
      remote: options.rates.store === undefined ? undefined : new RemoteStore(),
      outputs: new SimulatedOutputs(),
      alarms: new WorldAlarms(clock),
      log: observers.log ?? (() => SILENT_LOG),
      onEndlessLoop: (component) => {
        const message = `${component} makes call after call and no time passes: it is in an endless loop`;
        this.#violations.push({ invariant: 'liveness', at: clock.now(), subject: component, message });
      },
    };
    this.#fleet = new NodeFleet(this.#surroundings, (uid) => this.#undumpable.has(uid));
    this.#scheduler = schedulerHost(this.#surroundings);
    this.#controller = controllerHost(this.#surroundings);
    this.#users = new Users(this.#surroundings);
  }

  /** Virtual time, ms since the epoch. */
  now(): number {
    return this.#surroundings.clock.now();
  }

  async run(): Promise<WorldResult> {
    const { clock, recorder, faults, api, alarms } = this.#surroundings;
    const startedAt = clock.now();
    api.start();
    await furnish(api.reach());
    for (let node = 0; node < this.#options.nodes; node++) this.#fleet.add();
    this.#scheduler.start();
    this.#controller.start();
    await clock.advance(PRELUDE_MILLISECONDS);
    recorder.add({ kind: 'phase', phase: 'faults' });
    faults.active = true;
    const chaos = this.#begin();
    await this.#pass((this.#options.stopAfterDays ?? this.#options.days) * DAY);
    faults.active = false;
    this.#users.stop();
    chaos.calm();
    recorder.add({ kind: 'phase', phase: 'calm' });
    await clock.advance(SETTLE_MILLISECONDS);
    for (const node of this.#fleet.present) node.settle();
    recorder.add({ kind: 'phase', phase: 'settled' });
    await this.#inventory([]);
    const unstopped = await this.#stop();
    alarms.cancelAll();
    recorder.add({ kind: 'phase', phase: 'stopped' });
    await this.#inventory(unstopped);
    return {
      entries: recorder.entries,
      digest: recorder.digest,
      startedAt,
      faults: faults.injected,
      faultCounts: faults.counts,
      violations: this.#violations,
    };
  }

  #begin(): Chaos {
    const { days, nodes, workloadsPerDay, onlyWorkloads, groups = false, gangs = false } = this.#options;
    const { chance } = this.#surroundings;
    const count = Math.round(days * workloadsPerDay);
    for (let index = 0; index < count; index++) {
      if (onlyWorkloads !== undefined && !onlyWorkloads.includes(index)) continue;
      const workload = planWorkload(chance.fork(`workload ${index}`), index, {
        days,
        nodes,
        workloadsPerDay,
        groups,
        ...(gangs ? { job: chance.fork(`job ${jobOf(index)}`) } : {}),
      });
      this.#workloads.set(`${workload.namespace}/${workload.pod.metadata.name}`, workload);
      this.#users.adopt(workload);
    }
    const parts = {
      world: this.#surroundings,
      scheduler: this.#scheduler,
      controller: this.#controller,
      fleet: this.#fleet,
      users: this.#users,
    };
    const chaos = new Chaos(parts);
    chaos.start();
    new Maintenance(parts).start();
    return chaos;
  }

  async #pass(milliseconds: number): Promise<void> {
    const { clock } = this.#surroundings;
    for (let passed = 0; passed < milliseconds; ) {
      const part = Math.min(HOUR, milliseconds - passed);
      await clock.advance(part);
      passed += part;
      this.#observers.progress?.(passed / DAY);
      // Lets the process hear what others say to it, and collect what is lost for ever.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Gives the components that would not end. */
  async #stop(): Promise<string[]> {
    const { clock } = this.#surroundings;
    const hosts = [this.#scheduler, this.#controller, ...this.#fleet.present.map(({ process }) => process)];
    const unstopped = new Set(hosts.map(({ name }) => name));
    for (const host of hosts) void host.stop().then(() => unstopped.delete(host.name));
    for (let passed = 0; passed < STOP_MILLISECONDS && unstopped.size > 0; passed += 1_000) await clock.advance(1_000);
    return [...unstopped];
  }

  async #inventory(unstopped: string[]): Promise<void> {
    const { clock, recorder, remote } = this.#surroundings;
    const nodes = [];
    for (const node of this.#fleet.present) nodes.push(await node.inventory());
    const store = remote === undefined ? {} : { archives: remote.archives() };
    recorder.add({ kind: 'inventory', nodes, ...store, alarms: clock.pending, unstopped });
  }

  /** What the world itself must know of what happens. */
  #observe(entry: HistoryEntry): void {
    if (entry.kind === 'process' && (entry.fact === 'started' || entry.fact === 'restored')) this.#countStart(entry);
    if (entry.kind !== 'api' || entry.collection !== '/pods') return;
    const { object, key, type } = entry;
    if (type === 'ADDED' && object.metadata.annotations?.[UNDUMPABLE_ANNOTATION] !== undefined) {
      this.#undumpable.add(object.metadata.uid);
    }
    const workload = this.#workloads.get(key);
    if (workload === undefined) return;
    if (type === 'ADDED') this.#countIncarnation(key, workload);
    const { phase } = (object as { status?: { phase?: string } }).status ?? {};
    const before = (entry.previous as { status?: { phase?: string } } | undefined)?.status?.phase;
    if (type === 'DELETED') this.#starts.delete(object.metadata.uid);
    const ended = (phase === 'Succeeded' || phase === 'Failed') && before !== phase;
    if (type === 'DELETED' || ended) {
      this.#surroundings.alarms.after(workload.linger + HOUR / 4, () => this.#users.clear(workload));
    }
  }

  #countIncarnation(key: string, workload: PlannedWorkload): void {
    const count = (this.#incarnations.get(key) ?? 0) + 1;
    this.#incarnations.set(key, count);
    // Again and again: at that moment there may be no pod to take away.
    if (count % MOST_INCARNATIONS !== 0) return;
    this.#surroundings.alarms.after(workload.linger, () => this.#users.abandon(workload));
  }

  #countStart({ namespace, pod, podUid }: ProcessEntry): void {
    const starts = (this.#starts.get(podUid) ?? 0) + 1;
    this.#starts.set(podUid, starts);
    const workload = this.#workloads.get(`${namespace}/${pod}`);
    if (starts !== MOST_STARTS || workload === undefined) return;
    this.#surroundings.alarms.after(workload.linger, () => this.#users.abandon(workload));
  }
}
