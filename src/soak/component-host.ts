import type { Clock, Random, Timer } from '../clock/index.ts';
import type { ObjectStore } from '../kubernetes/index.ts';
import type { Log } from '../model/index.ts';
import type { Chance } from './chance.ts';
import { Incarnation } from './incarnation.ts';
import type { Surroundings } from './surroundings.ts';
import { Transport } from './transport.ts';

/** What one life of a component is made from. */
export interface Life {
  incarnation: Incarnation;
  store: ObjectStore;
  clock: Clock;
  random: Random;
  log: Log;
}

export interface Program {
  start(): void;
  stop(): Promise<void>;
  /** The process was killed: what it had started beside itself is cut off. */
  killed?(): void;
}

/** Mean time until whoever looks after a process starts it again, ms. */
const RESTART_MILLISECONDS = 5_000;

/** Runs a component, kills it, and starts it again; one life after the other. */
export class ComponentHost {
  readonly name: string;
  readonly #world: Surroundings;
  readonly #make: (life: Life) => Program;
  readonly #chance: Chance;
  #number = 0;
  #skew = 0;
  #life: { incarnation: Incarnation; program: Program; stopping: boolean } | undefined;
  #restart: Timer | undefined;
  /** Whether it is to be started again when it dies. */
  #wanted = false;
  /** The network between it and the API server. */
  #network: 'open' | 'cut' | 'holding' = 'open';

  constructor(world: Surroundings, name: string, make: (life: Life) => Program) {
    this.#world = world;
    this.name = name;
    this.#make = make;
    this.#chance = world.chance.fork(`component ${name}`);
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  /** It was asked to end, and has not ended yet. */
  get isStopping(): boolean {
    return this.#life?.stopping === true;
  }

  /** Alarms that the present life has set. */
  get alarms(): number {
    return this.#life?.incarnation.alarms ?? 0;
  }

  start(): void {
    this.#wanted = true;
    this.#restart?.cancel();
    this.#restart = undefined;
    if (this.#life !== undefined) return;
    const { clock, faults, rates, api, recorder } = this.#world;
    const number = ++this.#number;
    const name = `${this.name}#${number}`;
    const stream = (what: string) => faults.stream(`${name} ${what}`);
    const incarnation = new Incarnation({
      name,
      clock,
      skew: () => this.#skew,
      stream: stream('calls'),
      rates: rates.call,
      onKill: () => this.#onKill(incarnation),
      onEndlessLoop: () => this.#world.onEndlessLoop(name),
    });
    const transport = new Transport(incarnation, {
      api: { reach: () => api.reach(this.#network === 'cut') },
      isHeldBack: () => this.#network === 'holding',
      clock,
      recorder,
      stream: stream('requests'),
      rates,
    });
    const life: Life = {
      incarnation,
      store: transport,
      clock: incarnation.clock,
      random: this.#chance.fork(`life ${number}`).random,
      log: this.#world.log(name),
    };
    const program = this.#make(life);
    this.#life = { incarnation, program, stopping: false };
    recorder.add({ kind: 'component', component: this.name, incarnation: number, what: 'started' });
    incarnation.begin();
    program.start();
  }

  /** As SIGKILL does; it comes back when somebody has noticed. */
  kill(): void {
    this.#life?.incarnation.kill();
  }

  /** As SIGKILL, and nobody starts it again until {@link start}. */
  halt(): void {
    this.#wanted = false;
    this.#restart?.cancel();
    this.#restart = undefined;
    this.kill();
  }

  /** The process stands still, with all it has in memory, and later goes on as if nothing had been. */
  freeze(): void {
    this.#life?.incarnation.freeze();
  }

  thaw(): void {
    this.#life?.incarnation.thaw();
  }

  /** It runs, but no request of it gets through. */
  cutOff(): void {
    this.#network = 'cut';
  }

  /** It runs, and its Lease holds, but what it writes is kept by the network and delivered some time later. */
  holdBack(): void {
    this.#network = 'holding';
  }

  reconnect(): void {
    this.#network = 'open';
  }

  /** What its clock is ahead of the world's from now on, ms. */
  setClock(skew: number): void {
    this.#skew = skew;
  }

  /** Ends it in good order, as an update does. Resolves when it has ended, one way or the other; {@link start} then starts anew. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#restart?.cancel();
    this.#restart = undefined;
    const life = this.#life;
    if (life === undefined || life.stopping) return;
    life.stopping = true;
    const killed = new Promise<void>((resolve) => {
      life.incarnation.atEnd(resolve);
    });
    await Promise.race([life.program.stop(), killed]);
    if (life.incarnation.dead) return;
    this.#life = undefined;
    this.#world.recorder.add({
      kind: 'component',
      component: this.name,
      incarnation: this.#number,
      what: 'stopped',
    });
    // Somebody has asked for it in the meantime.
    if (this.#wanted) this.start();
  }

  #onKill(incarnation: Incarnation): void {
    const life = this.#life;
    if (life?.incarnation !== incarnation) return;
    this.#life = undefined;
    life.program.killed?.();
    const { recorder, alarms } = this.#world;
    recorder.add({ kind: 'component', component: this.name, incarnation: this.#number, what: 'crashed' });
    if (!this.#wanted) return;
    const wait = this.#chance.exponential(RESTART_MILLISECONDS);
    this.#restart = alarms.after(wait, () => this.start());
  }
}
