import { CountsByIndex } from './counts-by-index.ts';
import type { DomainSizes } from './domain-sizes.ts';
import type { NodeSet } from './node-set.ts';
import { NO_DOMAIN, type TopologyColumn } from './topology-column.ts';

/** What is summed up. */
export interface CountedByNode {
  on(slot: number): number;
}

/** Sums by domain, of all nodes or of those of a set; with the smallest of them, for sets. */
export class DomainCounts {
  readonly column: TopologyColumn;
  readonly sizes: DomainSizes | undefined;
  readonly #source: CountedByNode;
  readonly #counts = new CountsByIndex();
  /** Number of domains by count, from 1 on; those with 0 are the rest. */
  readonly #histogram: number[] = [];
  #smallest = 1;

  constructor(source: CountedByNode, column: TopologyColumn, sizes: DomainSizes | undefined) {
    this.#source = source;
    this.column = column;
    this.sizes = sizes;
  }

  get nodes(): NodeSet | undefined {
    return this.sizes?.nodes;
  }

  get(domain: number): number {
    return this.#counts.get(domain);
  }

  /** Number of domains of the set. */
  get domains(): number {
    return this.sizes?.domains ?? 0;
  }

  /** Number of domains with a count above 0. */
  get occupied(): number {
    return this.#counts.occupied;
  }

  /** The smallest count of a domain of the set; 0 when there is none. */
  get minimum(): number {
    return this.#minimum(this.#counts.occupied);
  }

  /** The smallest count if those of some domains were other by so much. */
  minimumWith(deltas: ReadonlyMap<number, number>): number {
    let { occupied } = this.#counts;
    for (const [domain, delta] of deltas) {
      const count = this.get(domain);
      this.#note(count, -1);
      this.#note(count + delta, 1);
      occupied += Number(count + delta > 0) - Number(count > 0);
    }
    const minimum = this.#minimum(occupied);
    for (const [domain, delta] of deltas) {
      const count = this.get(domain);
      this.#note(count + delta, -1);
      this.#note(count, 1);
    }
    return minimum;
  }

  /** Counts the node in: it is there, its domain and its membership are set. */
  enter(slot: number): void {
    this.add(slot, this.#source.on(slot));
  }

  /** Counts the node out, before its domain or its membership changes. */
  leave(slot: number): void {
    this.add(slot, -this.#source.on(slot));
  }

  add(slot: number, delta: number): void {
    const domain = this.sizes === undefined ? (this.column.domains[slot] ?? NO_DOMAIN) : this.sizes.domainOf(slot);
    if (domain === NO_DOMAIN || delta === 0) return;
    const after = this.#counts.add(domain, delta);
    this.#note(after - delta, -1);
    this.#note(after, 1);
  }

  #minimum(occupied: number): number {
    if (occupied < this.domains || occupied === 0) return 0;
    while ((this.#histogram[this.#smallest] ?? 0) === 0) this.#smallest += 1;
    return this.#smallest;
  }

  #note(count: number, sign: 1 | -1): void {
    if (count <= 0) return;
    this.#histogram[count] = (this.#histogram[count] ?? 0) + sign;
    if (sign === 1 && count < this.#smallest) this.#smallest = count;
  }
}
