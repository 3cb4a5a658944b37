import type { NodeSet } from './node-set.ts';
import { NO_DOMAIN, type TopologyColumn } from './topology-column.ts';

/** Nodes with a count beyond which an array over all nodes is used: most counts are of few nodes, the others are asked often. */
const MOST_SPARSE = 128;

/** How many of something each node has, with sums over the domains of topology keys kept up to date. */
export class Tally {
  readonly #sparse = new Map<number, number>();
  /** By slot, once there are many. */
  #dense: Int32Array | undefined;
  #occupied = 0;
  readonly #views = new Map<string, DomainCounts>();

  get isEmpty(): boolean {
    return this.#occupied === 0;
  }

  on(slot: number): number {
    return (this.#dense === undefined ? this.#sparse.get(slot) : this.#dense[slot]) ?? 0;
  }

  add(slot: number, delta: number): void {
    const before = this.on(slot);
    const after = before + delta;
    if (before === 0 && after !== 0) this.#occupied += 1;
    else if (before !== 0 && after === 0) this.#occupied -= 1;
    this.#set(slot, after);
    for (const view of this.#views.values()) view.add(slot, delta);
  }

  dropViews(): void {
    this.#views.clear();
  }

  #set(slot: number, count: number): void {
    if (this.#dense === undefined) {
      if (count === 0) this.#sparse.delete(slot);
      else this.#sparse.set(slot, count);
      if (this.#sparse.size > MOST_SPARSE) this.#makeDense();
      return;
    }
    if (slot >= this.#dense.length) {
      const longer = new Int32Array(Math.max(slot + 1, this.#dense.length * 2));
      longer.set(this.#dense);
      this.#dense = longer;
    }
    this.#dense[slot] = count;
  }

  #makeDense(): void {
    this.#dense = new Int32Array(Math.max(...this.#sparse.keys()) + 1);
    for (const [slot, count] of this.#sparse) this.#dense[slot] = count;
    this.#sparse.clear();
  }

  /** The sums over the domains of a column, of all nodes or of a set of them. */
  view(column: TopologyColumn, nodes?: NodeSet): DomainCounts | undefined {
    return this.#views.get(viewText(column, nodes));
  }

  /** Keeps sums over the domains of a column from now on; `slots` are the nodes there are. */
  addView(column: TopologyColumn, nodes: NodeSet | undefined, slots: Iterable<number>): DomainCounts {
    const view = new DomainCounts(this, column, nodes);
    for (const slot of slots) view.enter(slot);
    this.#views.set(viewText(column, nodes), view);
    return view;
  }
}

function viewText(column: TopologyColumn, nodes: NodeSet | undefined): string {
  return nodes === undefined ? column.key : `${column.key} ${nodes.text}`;
}

/** Sums of a {@link Tally} by domain, over the nodes of a set. */
export class DomainCounts {
  readonly column: TopologyColumn;
  readonly nodes: NodeSet | undefined;
  readonly #tally: Tally;
  counts = new Int32Array(8);
  /** Nodes of the set by domain: a domain is one where there is at least one. */
  #sizes = new Int32Array(8);
  /** Number of domains by count. */
  readonly #histogram: number[] = [];
  #minimum = 0;
  #domains = 0;
  #occupied = 0;

  constructor(tally: Tally, column: TopologyColumn, nodes: NodeSet | undefined) {
    this.#tally = tally;
    this.column = column;
    this.nodes = nodes;
  }

  /** Number of domains. */
  get domains(): number {
    return this.#domains;
  }

  /** Number of domains with a count above 0. */
  get occupied(): number {
    return this.#occupied;
  }

  /** The smallest count of a domain; 0 when there is none. */
  get minimum(): number {
    if (this.#domains === 0) return 0;
    while ((this.#histogram[this.#minimum] ?? 0) === 0) this.#minimum += 1;
    return this.#minimum;
  }

  /** The smallest count if those of some domains were other by so much. */
  minimumWith(deltas: ReadonlyMap<number, number>): number {
    this.#shift(deltas, 1);
    const { minimum } = this;
    this.#shift(deltas, -1);
    return minimum;
  }

  /** Counts the node in: it is there, its domain and its membership are set. */
  enter(slot: number): void {
    const domain = this.#domainOf(slot);
    if (domain === NO_DOMAIN) return;
    this.#fit(domain);
    if (this.#sizes[domain] === 0) {
      this.#domains += 1;
      this.#note(this.counts[domain] ?? 0, 1);
    }
    this.#sizes[domain] = (this.#sizes[domain] ?? 0) + 1;
    this.#bump(domain, this.#tally.on(slot));
  }

  /** Counts the node out, before its domain or its membership changes. */
  leave(slot: number): void {
    const domain = this.#domainOf(slot);
    if (domain === NO_DOMAIN) return;
    this.#bump(domain, -this.#tally.on(slot));
    this.#sizes[domain] = (this.#sizes[domain] ?? 0) - 1;
    if (this.#sizes[domain] !== 0) return;
    this.#domains -= 1;
    this.#note(this.counts[domain] ?? 0, -1);
  }

  add(slot: number, delta: number): void {
    const domain = this.#domainOf(slot);
    if (domain !== NO_DOMAIN) this.#bump(domain, delta);
  }

  /** Domain the node counts in, or none. */
  #domainOf(slot: number): number {
    if (this.nodes !== undefined && !this.nodes.has(slot)) return NO_DOMAIN;
    return this.column.domains[slot] ?? NO_DOMAIN;
  }

  #bump(domain: number, delta: number): void {
    if (delta === 0) return;
    const before = this.counts[domain] ?? 0;
    const after = before + delta;
    this.counts[domain] = after;
    if (before === 0) this.#occupied += 1;
    else if (after === 0) this.#occupied -= 1;
    this.#note(before, -1);
    this.#note(after, 1);
  }

  #shift(deltas: ReadonlyMap<number, number>, sign: 1 | -1): void {
    for (const [domain, delta] of deltas) {
      if (delta === 0 || (this.#sizes[domain] ?? 0) === 0) continue;
      const count = this.counts[domain] ?? 0;
      this.#note(count, -sign as 1 | -1);
      this.#note(count + delta, sign);
    }
  }

  #note(count: number, sign: 1 | -1): void {
    // A trial takes away no more than is there; a count below 0 would be no index.
    const index = Math.max(0, count);
    this.#histogram[index] = (this.#histogram[index] ?? 0) + sign;
    if (sign === 1 && index < this.#minimum) this.#minimum = index;
  }

  #fit(domain: number): void {
    if (domain < this.counts.length) return;
    const length = Math.max(domain + 1, this.counts.length * 2);
    const counts = new Int32Array(length);
    counts.set(this.counts);
    this.counts = counts;
    const sizes = new Int32Array(length);
    sizes.set(this.#sizes);
    this.#sizes = sizes;
  }
}
