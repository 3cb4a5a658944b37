import { SharedLink } from './shared-link.ts';
import type { Work } from './work.ts';
import type { World } from './world.ts';

/** Bytes on their way to and from the disks of nodes, and a store that all share. */
export class Transfers {
  /** Absent: there is none. */
  readonly store: SharedLink | undefined;
  readonly #world: World;
  /** By node. */
  readonly #links: readonly SharedLink[];
  readonly #busy = new Set<SharedLink>();

  constructor(world: World) {
    this.#world = world;
    const { storeBytesPerSecond, nodeBytesPerSecond } = world.costs;
    this.store = storeBytesPerSecond === undefined ? undefined : new SharedLink(storeBytesPerSecond);
    this.#links = world.nodes.map(() => new SharedLink(nodeBytesPerSecond));
  }

  /** Seconds it takes where nobody shares the way: in a pool every processor has its own disk. Undefined: it depends on others. */
  aloneSeconds({ job }: Work, bytes: number): number | undefined {
    const { isPool, costs } = this.#world;
    if (!isPool && costs.nodeBytesPerSecond !== Infinity) return undefined;
    return bytes / job.processors / costs.nodeBytesPerSecond;
  }

  /** Sends the bytes of the job through the links of its nodes; `done` follows the slowest. */
  begin({ parts, shape }: Work, bytes: number, now: number, done: () => void): void {
    let left = parts.length;
    for (const { node, tasks } of parts) {
      const link = this.#links[node];
      if (link === undefined) continue;
      this.#busy.add(link);
      link.begin((bytes * tasks) / shape.tasks, now, () => {
        left--;
        if (left === 0) done();
      });
    }
  }

  /** When the next one is done; Infinity: none is under way. */
  nextEnd(): number {
    let next = this.store?.nextEnd() ?? Infinity;
    for (const link of this.#busy) next = Math.min(next, link.nextEnd());
    return next;
  }

  /** Ends what is done by now. */
  settle(now: number): void {
    this.store?.settle(now);
    for (const link of this.#busy) {
      link.settle(now);
      if (link.transfers === 0) this.#busy.delete(link);
    }
  }
}
