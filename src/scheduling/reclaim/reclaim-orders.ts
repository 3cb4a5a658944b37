import type { Decision } from '../contract.ts';
import { type OrderingState, orderCheckpoint } from '../interruption/checkpoint-for-nobody.ts';
import type { Usage } from './usage-window.ts';

/** Stands for the preemptor in orders that are given for nobody in particular; no UID begins so. */
const RECLAIMER = 'reclaim on node ';

export function isReclaimer(orderedBy: string | undefined): boolean {
  return orderedBy?.startsWith(RECLAIMER) === true;
}

/** The orders by which opportunistic pods give way where they have more than others leave. */
export function reclaimOrders(state: OrderingState, now: number): Decision[] {
  const decisions: Decision[] = [];
  for (const { node, victims, wanted, left } of state.strategies.reclaiming?.pressures(now) ?? []) {
    for (const pod of victims) {
      const order = orderCheckpoint(state, {
        pod,
        node,
        dumps: victims.length,
        orderedBy: `${RECLAIMER}${node.name}`,
        outcome: 'Reclaim',
        summary: `gives way on node ${node.name}: opportunistic pods have ${amounts(wanted)} there, and others leave ${amounts(left)} of it.`,
        now,
      });
      decisions.push({ type: 'Reclaim', ...order });
    }
  }
  return decisions;
}

/** `2.5 cpu and 4.0 GiB`. */
function amounts({ cpu, memory }: Usage): string {
  return `${Math.max(0, cpu / 1_000).toFixed(1)} cpu and ${Math.max(0, memory / 2 ** 30).toFixed(1)} GiB`;
}
