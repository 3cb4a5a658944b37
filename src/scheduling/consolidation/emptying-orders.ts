import type { Decision } from '../contract.ts';
import type { EngineState } from '../engine-state.ts';
import { type OrderingState, orderCheckpoint } from '../interruption/checkpoint-for-nobody.ts';

/** Stands for the preemptor in orders that are given for nobody in particular; no UID begins so. */
const EMPTIER = 'emptying of node ';

export function isEmptier(orderedBy: string | undefined): boolean {
  return orderedBy?.startsWith(EMPTIER) === true;
}

/** The moves by which a node is emptied for its own sake, if its time has come. */
export function emptyingOrders(state: OrderingState & Pick<EngineState, 'queue'>, now: number): Decision[] {
  const emptied = state.strategies.emptying?.next(now, () => state.queue.isCalm);
  if (emptied === undefined) return [];
  const { node, moves, cost, worth } = emptied;
  return moves.map(({ pod, target }) => ({
    type: 'Move',
    targetName: target.name,
    ...orderCheckpoint(state, {
      pod,
      node,
      dumps: moves.length,
      orderedBy: `${EMPTIER}${node.name}`,
      outcome: 'Move',
      summary:
        `goes on on node ${target.name}, so that node ${node.name} is empty: its ${moves.length} pod(s) can be moved at ` +
        `${cost.toFixed(3)} node-seconds, and an empty node is worth ${worth.toFixed(3)}.`,
      now,
    }),
  }));
}
