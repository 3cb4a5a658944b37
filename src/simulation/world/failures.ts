import type { Random } from '../../clock/index.ts';
import { capacityOf, type World } from './world.ts';

/** When which node fails: exponential times between failures, the node by chance. */
export class Failures {
  readonly #world: World;
  readonly #random: Random;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  /** The next failure after `now`; undefined: nodes do not fail. In a pool it is a processor that fails. */
  next(now: number): { at: number; node: number; processor: number } | undefined {
    const { nodeMtbfSeconds } = this.#world.costs;
    if (nodeMtbfSeconds === Infinity) return undefined;
    const units = this.#world.isPool ? capacityOf(this.#world) : this.#world.nodes.length;
    const at = now - Math.log(1 - this.#random()) * (nodeMtbfSeconds / units);
    const unit = Math.floor(this.#random() * units);
    return this.#world.isPool ? { at, node: 0, processor: unit } : { at, node: unit, processor: 0 };
  }
}
