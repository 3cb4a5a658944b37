import { CountsByIndex } from './counts-by-index.ts';
import { DomainCounts } from './domain-counts.ts';
import type { DomainSizes } from './domain-sizes.ts';
import type { TopologyColumn } from './topology-column.ts';

/** How many of something each node has, with sums over the domains of topology keys kept up to date. */
export class Tally {
  readonly #bySlot = new CountsByIndex();
  readonly #views = new Map<TopologyColumn | DomainSizes, DomainCounts>();

  get isEmpty(): boolean {
    return this.#bySlot.occupied === 0;
  }

  on(slot: number): number {
    return this.#bySlot.get(slot);
  }

  add(slot: number, delta: number): void {
    this.#bySlot.add(slot, delta);
    for (const view of this.#views.values()) view.add(slot, delta);
  }

  /** The sums over the domains of a column, of all nodes or of those whose domains `sizes` counts. */
  view(column: TopologyColumn, sizes?: DomainSizes): DomainCounts | undefined {
    return this.#views.get(sizes ?? column);
  }

  /** Keeps those sums from now on. */
  addView(column: TopologyColumn, sizes?: DomainSizes): DomainCounts {
    const view = new DomainCounts(this, column, sizes);
    for (const slot of this.#bySlot.indexes()) view.enter(slot);
    this.#views.set(sizes ?? column, view);
    return view;
  }

  dropViews(): void {
    this.#views.clear();
  }
}
