import type { Chance } from './chance.ts';
import type { ChaosParts } from './chaos.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** How often a node is looked after, a day. */
const PER_NODE_AND_DAY = 0.1;

/** Operators at their daily work: they cordon nodes, drain them one way or the other, and give them back. */
export class Maintenance {
  readonly #parts: Pick<ChaosParts, 'world' | 'fleet' | 'users'>;
  readonly #chance: Chance;

  constructor(parts: Pick<ChaosParts, 'world' | 'fleet' | 'users'>) {
    this.#parts = parts;
    this.#chance = parts.world.chance.fork('maintenance');
  }

  start(): void {
    const { world, fleet } = this.#parts;
    const rate = PER_NODE_AND_DAY * Math.max(1, fleet.present.length);
    world.alarms.after(this.#chance.exponential(DAY / rate), () => {
      this.#maintain();
      this.start();
    });
  }

  #maintain(): void {
    const { world, fleet, users } = this.#parts;
    const [first, ...others] = fleet.present;
    if (first === undefined || !world.faults.active) return;
    const { name } = this.#chance.pick([first, ...others]);
    const how = this.#chance.weighted({ cordon: 3, checkpoint: 3, evict: 1 });
    if (how === 'cordon') users.cordon(name, true);
    else users.drain(name, how);
    world.alarms.after(this.#chance.exponential(HOUR), () => users.cordon(name, false));
  }
}
