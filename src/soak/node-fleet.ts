import { NodeHost } from './node-host.ts';
import type { Surroundings } from './surroundings.ts';
import { NODE_CPU, NODE_MEBIBYTES } from './workload.ts';

/** The machines of a world: those lost are replaced by others with new names. */
export class NodeFleet {
  readonly #world: Surroundings;
  readonly #isUndumpable: (uid: string) => boolean;
  readonly #nodes = new Map<string, NodeHost>();
  #count = 0;
  onAdded: (node: NodeHost) => void = () => undefined;

  constructor(world: Surroundings, isUndumpable: (uid: string) => boolean) {
    this.#world = world;
    this.#isUndumpable = isUndumpable;
  }

  add(): NodeHost {
    const shape = {
      name: `n${++this.#count}`,
      cpu: String(NODE_CPU),
      memory: `${NODE_MEBIBYTES}Mi`,
      pods: 30,
    };
    const node = new NodeHost(this.#world, shape, {
      peers: (name) => this.#nodes.get(name),
      isUndumpable: this.#isUndumpable,
    });
    this.#nodes.set(node.name, node);
    node.start();
    this.onAdded(node);
    return node;
  }

  /** All that ever were, also those lost. */
  get all(): NodeHost[] {
    return [...this.#nodes.values()];
  }

  get present(): NodeHost[] {
    return this.all.filter(({ state }) => state !== 'lost');
  }
}
