/** Index of the domain of nodes without the label. */
export const NO_DOMAIN = -1;

/**
 * The domains of one topology key: which value of the label each node has, as a small number. A number is given again once
 * no node is in its domain.
 */
export class TopologyColumn {
  readonly key: string;
  /** Domain by slot of the node. */
  domains = new Int32Array(64).fill(NO_DOMAIN);
  readonly #ids = new Map<string, number>();
  readonly #values: (string | undefined)[] = [];
  readonly #nodes: number[] = [];
  readonly #free: number[] = [];

  constructor(key: string) {
    this.key = key;
  }

  /** One more than the largest number in use. */
  get size(): number {
    return this.#values.length;
  }

  valueOf(domain: number): string | undefined {
    return this.#values[domain];
  }

  valueOn(slot: number): string | undefined {
    const domain = this.domains[slot] ?? NO_DOMAIN;
    return domain === NO_DOMAIN ? undefined : this.#values[domain];
  }

  /** Puts the node into the domain of `value`; undefined: into none. */
  set(slot: number, value: string | undefined): void {
    if (slot >= this.domains.length) this.#lengthen(slot + 1);
    const before = this.domains[slot] ?? NO_DOMAIN;
    const after = value === undefined ? NO_DOMAIN : this.#id(value);
    if (after !== NO_DOMAIN) this.#nodes[after] = (this.#nodes[after] ?? 0) + 1;
    if (before !== NO_DOMAIN) this.#leave(before);
    this.domains[slot] = after;
  }

  #leave(domain: number): void {
    const left = (this.#nodes[domain] ?? 0) - 1;
    this.#nodes[domain] = left;
    const value = this.#values[domain];
    if (left > 0 || value === undefined) return;
    this.#ids.delete(value);
    this.#values[domain] = undefined;
    this.#free.push(domain);
  }

  #id(value: string): number {
    let id = this.#ids.get(value);
    if (id === undefined) {
      id = this.#free.pop() ?? this.#values.length;
      this.#ids.set(value, id);
      this.#values[id] = value;
      this.#nodes[id] = 0;
    }
    return id;
  }

  #lengthen(atLeast: number): void {
    const longer = new Int32Array(Math.max(atLeast, this.domains.length * 2)).fill(NO_DOMAIN);
    longer.set(this.domains);
    this.domains = longer;
  }
}
