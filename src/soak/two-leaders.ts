import type { ComponentHost } from './component-host.ts';
import type { Replica } from './control-plane.ts';
import type { FaultStream } from './fault-injector.ts';
import type { Surroundings } from './surroundings.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Mean length of an episode. Renewing Leases all day would be most of what a run does. */
const EPISODE_MILLISECONDS = 15 * MINUTE;
/** Mean time between two misfortunes of the one that leads. */
const STRIKE_MILLISECONDS = 90 * SECOND;
/** How long a leader is away: less and more than its Lease lasts. */
const AWAY = { least: 5 * SECOND, most: 150 * SECOND };
/** Longer than any write of the processes before stays on its way: between them nobody fences, as nobody runs. */
const HANDOVER_MILLISECONDS = 5 * MINUTE;

/**
 * A component of which for a while two replicas run, with a Lease that says which one leads, and with a network and machines
 * that make the one that led believe that it still does. Before and after, one process runs without election.
 */
export class TwoLeaders {
  readonly #world: Surroundings;
  readonly #only: ComponentHost;
  readonly #replicas: readonly [Replica, Replica];
  #phase: 'one' | 'two' | 'ending' = 'one';
  #over = false;

  constructor(world: Surroundings, only: ComponentHost, replicas: readonly [Replica, Replica]) {
    this.#world = world;
    this.#only = only;
    this.#replicas = replicas;
  }

  begin(stream: FaultStream): void {
    if (this.#phase !== 'one' || !this.#only.isRunning || this.#only.isStopping) return;
    this.#phase = 'two';
    const { alarms } = this.#world;
    void this.#only.stop().then(() => {
      alarms.after(HANDOVER_MILLISECONDS, () => {
        if (this.#over) return;
        for (const { host } of this.#replicas) host.start();
        this.#strikeLater(stream);
        alarms.after(stream.chance.exponential(EPISODE_MILLISECONDS), () => this.#end());
      });
    });
  }

  /** No more of it. True when the component's only process may run from now on; false: it will be started. */
  calm(): boolean {
    this.#over = true;
    if (this.#phase === 'one') return true;
    this.#end();
    return false;
  }

  #end(): void {
    if (this.#phase !== 'two') return;
    this.#phase = 'ending';
    for (const { host } of this.#replicas) {
      host.setClock(0);
      host.reconnect();
      host.thaw();
    }
    void Promise.all(this.#replicas.map(({ host }) => host.stop())).then(() => {
      this.#world.alarms.after(HANDOVER_MILLISECONDS, () => {
        this.#phase = 'one';
        this.#only.start();
      });
    });
  }

  #strikeLater(stream: FaultStream): void {
    const { alarms } = this.#world;
    alarms.after(stream.chance.exponential(STRIKE_MILLISECONDS), () => {
      if (this.#phase !== 'two' || this.#over) return;
      this.#strike(stream);
      this.#strikeLater(stream);
    });
  }

  #strike({ chance }: FaultStream): void {
    const { alarms } = this.#world;
    const leader = this.#replicas.find((replica) => replica.leads())?.host;
    if (leader === undefined) return;
    const away = chance.between(AWAY.least, AWAY.most);
    const isStriking = (): boolean => this.#phase === 'two';
    switch (chance.pick(['hold', 'hold', 'cut', 'freeze', 'freeze', 'kill', 'update', 'skew'])) {
      case 'hold':
        // Nobody takes over from a leader whose Lease is renewed: it is cut off with its writes on their way.
        leader.holdBack();
        alarms.after(chance.between(5 * SECOND, MINUTE), () => {
          if (!isStriking()) return;
          leader.cutOff();
          alarms.after(away, () => leader.reconnect());
        });
        return;
      case 'cut':
        leader.cutOff();
        alarms.after(away, () => leader.reconnect());
        return;
      case 'freeze':
        leader.freeze();
        alarms.after(away, () => leader.thaw());
        return;
      case 'kill':
        leader.kill();
        return;
      case 'update':
        void leader.stop().then(() => {
          if (isStriking()) leader.start();
        });
        return;
      default:
        leader.setClock(chance.between(-HOUR, HOUR));
    }
  }
}
