import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Budgets } from './budgets.ts';
import type { PlanBounds, Shortage } from './plan-bound.ts';
import type { PlanRank } from './plan-order.ts';
import type { NodeVictims } from './victim-index.ts';

/** Kinds of demand remembered; the oldest goes first. A cluster's urgent pods come in few shapes. */
const REMEMBERED_DEMANDS = 8;

/** How good a plan on the node could be, and what that was worked out from. */
export interface BoundedNode {
  readonly node: NodeInfo;
  readonly offered: NodeVictims;
  readonly generation: number;
  readonly bound: PlanRank | Shortage;
}

/** The bounds of one kind of demand, by slot of the node. */
type Bounds = (BoundedNode | undefined)[];

/**
 * Bounds worked out before, for pods of the same priority and requests: of thousands of nodes few change between two plans,
 * and only those are looked at again.
 */
export class KnownBounds {
  readonly #budgets: Budgets;
  readonly #byDemand = new Map<string, Bounds>();
  #budgetsGeneration = 0;

  constructor(budgets: Budgets) {
    this.#budgets = budgets;
  }

  /** @param kind what else the bounds depend on: the mode, and whether resources count */
  of(preemptor: PodInfo, kind: string): Bounds {
    if (this.#budgetsGeneration !== this.#budgets.generation) {
      this.#budgetsGeneration = this.#budgets.generation;
      this.#byDemand.clear();
    }
    const demand = `${kind} ${preemptor.priority} ${preemptor.requests.join()}`;
    let bounds = this.#byDemand.get(demand);
    if (bounds !== undefined) return bounds;
    bounds = [];
    if (this.#byDemand.size >= REMEMBERED_DEMANDS) {
      for (const oldest of this.#byDemand.keys()) {
        this.#byDemand.delete(oldest);
        break;
      }
    }
    this.#byDemand.set(demand, bounds);
    return bounds;
  }
}

export interface BoundRequest {
  /** Undefined: nothing is kept. */
  readonly known: Bounds | undefined;
  readonly bounds: PlanBounds;
  readonly preemptor: PodInfo;
  /** Whether plans are compared by cost. */
  readonly costCounts: boolean;
}

/** The node's bound, taken from `known` where nothing changed since. */
export function boundOn(
  node: NodeInfo,
  offered: NodeVictims,
  { known, bounds, preemptor, costCounts }: BoundRequest,
): BoundedNode {
  const before = known?.[node.slot];
  if (before?.node === node && before.offered === offered && before.generation === node.generation) return before;
  const { generation } = node;
  const fresh: BoundedNode = { node, offered, generation, bound: bounds.of(node, offered) };
  // What is promised to the preemptor itself is room to it alone; what termination costs changes by the second.
  const isLasting = (offered.isTimeless || !costCounts) && !node.nominated.some(({ uid }) => uid === preemptor.uid);
  if (known !== undefined) known[node.slot] = isLasting ? fresh : undefined;
  return fresh;
}
