import type { DomainCounts } from './domain-counts.ts';
import { NO_DOMAIN } from './topology-column.ts';

/** Counts by domain with what a trial adds and takes away on top; the counts themselves stay as they are. */
export class TrialCounts {
  readonly view: DomainCounts;
  #deltas: Map<number, number> | undefined;

  constructor(view: DomainCounts) {
    this.view = view;
  }

  /** Count of the node's domain; undefined when the node has no such label. */
  on(slot: number): number | undefined {
    const domain = this.view.column.domains[slot] ?? NO_DOMAIN;
    if (domain === NO_DOMAIN) return undefined;
    const count = this.view.get(domain);
    return this.#deltas === undefined ? count : count + (this.#deltas.get(domain) ?? 0);
  }

  /** The pod on the node of this slot comes or goes; nodes outside the view's set do not count. */
  add(slot: number, delta: number): void {
    const domain = this.view.column.domains[slot] ?? NO_DOMAIN;
    if (domain === NO_DOMAIN || this.view.nodes?.has(slot) === false) return;
    this.#deltas ??= new Map();
    const sum = (this.#deltas.get(domain) ?? 0) + delta;
    if (sum === 0) this.#deltas.delete(domain);
    else this.#deltas.set(domain, sum);
    if (this.#deltas.size === 0) this.#deltas = undefined;
  }

  get isEmpty(): boolean {
    let { occupied } = this.view;
    for (const [domain, delta] of this.#deltas ?? []) {
      const count = this.view.get(domain);
      if (count > 0 && count + delta <= 0) occupied -= 1;
      else if (count === 0 && delta > 0) occupied += 1;
    }
    return occupied === 0;
  }

  get minimum(): number {
    return this.#deltas === undefined ? this.view.minimum : this.view.minimumWith(this.#deltas);
  }
}
