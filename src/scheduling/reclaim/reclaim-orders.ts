import { ORDER_TIMEOUT_MS } from '../constants.ts';
import type { Decision } from '../contract.ts';
import type { EngineState } from '../engine-state.ts';
import { roundedCosts } from '../interruption/interruption-plan.ts';
import { type PodInfo, podRef } from '../snapshot/pod-info.ts';
import type { Pressure } from './reclaim.ts';
import type { Usage } from './usage-window.ts';

type State = Pick<EngineState, 'strategies' | 'orders' | 'costs'>;

/** Stands for the preemptor in orders that are given for nobody in particular; no UID begins so. */
const RECLAIMER = 'reclaim on node ';

export function isReclaimer(orderedBy: string | undefined): boolean {
  return orderedBy?.startsWith(RECLAIMER) === true;
}

/** The orders by which opportunistic pods give way where they have more than others leave. */
export function reclaimOrders(state: State, now: number): Decision[] {
  const { strategies, orders } = state;
  const decisions: Decision[] = [];
  for (const pressure of strategies.reclaiming?.pressures(now) ?? []) {
    const { node, victims } = pressure;
    const orderedBy = `${RECLAIMER}${node.name}`;
    for (const pod of victims) {
      orders.give(orderedBy, pod.uid, { action: 'Checkpoint', expiresAt: now + ORDER_TIMEOUT_MS });
      decisions.push(reclaim(state, pressure, { pod, orderedBy, now }));
    }
  }
  return decisions;
}

function reclaim(
  { strategies, costs }: State,
  { node, victims, wanted, left }: Pressure,
  { pod, orderedBy, now }: { pod: PodInfo; orderedBy: string; now: number },
): Decision {
  const permission = { ...strategies.permissionFor(pod, now), checkpoint: true };
  const { timeoutSeconds } = permission;
  const explained = costs.explain(pod, node, { permission, dumps: victims.length, preemptor: pod, now });
  const victimCosts = roundedCosts(explained);
  return {
    type: 'Reclaim',
    pod: podRef(pod),
    nodeName: node.name,
    victim: {
      pod: podRef(pod),
      action: 'Checkpoint',
      costs: victimCosts,
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    },
    orderedBy,
    explanation: {
      at: now,
      outcome: 'Reclaim',
      summary: `gives way on node ${node.name}: opportunistic pods have ${amounts(wanted)} there, and others leave ${amounts(left)} of it.`,
      filtered: {},
      scores: [],
      plans: [
        {
          node: node.name,
          pdbViolations: 0,
          highestVictimPriority: pod.priority,
          cost: victimCosts.checkpoint ?? 0,
          victims: [{ pod: pod.key, priority: pod.priority, action: 'Checkpoint', costs: victimCosts }],
        },
      ],
    },
  };
}

/** `2.5 cpu and 4.0 GiB`. */
function amounts({ cpu, memory }: Usage): string {
  return `${Math.max(0, cpu / 1_000).toFixed(1)} cpu and ${Math.max(0, memory / 2 ** 30).toFixed(1)} GiB`;
}
