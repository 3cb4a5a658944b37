import type { NodeSet } from './node-set.ts';
import { NO_DOMAIN, type TopologyColumn } from './topology-column.ts';

/** How many nodes of a set each domain of a column has: a domain of the set is one that has any. */
export class DomainSizes {
  readonly column: TopologyColumn;
  readonly nodes: NodeSet;
  #sizes = new Int32Array(8);
  #domains = 0;

  constructor(column: TopologyColumn, nodes: NodeSet) {
    this.column = column;
    this.nodes = nodes;
  }

  /** Number of domains. */
  get domains(): number {
    return this.#domains;
  }

  /** Domain of the node, if it is in the set. */
  domainOf(slot: number): number {
    return this.nodes.has(slot) ? (this.column.domains[slot] ?? NO_DOMAIN) : NO_DOMAIN;
  }

  /** Counts the node in: its domain and its membership are set. */
  enter(slot: number): void {
    const domain = this.domainOf(slot);
    if (domain === NO_DOMAIN) return;
    if (domain >= this.#sizes.length) {
      const longer = new Int32Array(Math.max(domain + 1, this.#sizes.length * 2));
      longer.set(this.#sizes);
      this.#sizes = longer;
    }
    if (this.#sizes[domain] === 0) this.#domains += 1;
    this.#sizes[domain] = (this.#sizes[domain] ?? 0) + 1;
  }

  /** Counts the node out, before its domain or its membership changes. */
  leave(slot: number): void {
    const domain = this.domainOf(slot);
    if (domain === NO_DOMAIN) return;
    this.#sizes[domain] = (this.#sizes[domain] ?? 0) - 1;
    if (this.#sizes[domain] === 0) this.#domains -= 1;
  }
}
