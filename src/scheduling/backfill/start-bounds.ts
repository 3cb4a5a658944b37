import type { Cluster } from '../snapshot/cluster.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Occupants } from './occupants.ts';

/** Shapes of pods for which times are kept: each takes eight bytes a node. */
const MOST_SHAPES = 128;

interface Bounds {
  readonly times: Float64Array;
  membership: number;
  generation: number;
}

/**
 * When pods of a shape might start on each node at the earliest, by known ends. Kept from pod to pod, so that only nodes that
 * changed since are looked at: a promise is sought anew at every change that may concern it.
 */
export class StartBounds {
  readonly #cluster: Cluster;
  readonly #occupants: Occupants;
  readonly #byShape = new Map<number, Bounds>();

  constructor(cluster: Cluster, occupants: Occupants) {
    this.#cluster = cluster;
    this.#occupants = occupants;
  }

  /** By the position of nodes; Infinity: by no known end. Never later than the start itself, at any time. */
  of({ template: { shape }, requests }: PodInfo): Float64Array {
    const { membership, generation } = this.#cluster;
    let bounds = this.#byShape.get(shape);
    this.#byShape.delete(shape);
    if (bounds?.membership !== membership) {
      const nodes = this.#cluster.settledNodes();
      const times = Float64Array.from(nodes, (node) => this.#occupants.earliestOn(node, requests));
      bounds = { times, membership, generation };
    } else {
      let node = this.#cluster.newest;
      for (; node !== undefined && node.generation > bounds.generation; node = node.older) {
        if (node.position >= 0) bounds.times[node.position] = this.#occupants.earliestOn(node, requests);
      }
      bounds.generation = generation;
    }
    this.#byShape.set(shape, bounds);
    for (const oldest of this.#byShape.keys()) {
      if (this.#byShape.size <= MOST_SHAPES) break;
      this.#byShape.delete(oldest);
    }
    return bounds.times;
  }
}
