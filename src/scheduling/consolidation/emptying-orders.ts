import { ORDER_TIMEOUT_MS } from '../constants.ts';
import type { Decision } from '../contract.ts';
import type { EngineState } from '../engine-state.ts';
import { roundedCosts } from '../interruption/interruption-plan.ts';
import { podRef } from '../snapshot/pod-info.ts';
import type { EmptiedNode } from './node-emptying.ts';

type State = Pick<EngineState, 'strategies' | 'orders' | 'costs' | 'queue'>;

/** Stands for the preemptor in orders that are given for nobody in particular; no UID begins so. */
const EMPTIER = 'emptying of node ';

export function isEmptier(orderedBy: string | undefined): boolean {
  return orderedBy?.startsWith(EMPTIER) === true;
}

/** The moves by which a node is emptied for its own sake, if its time has come. */
export function emptyingOrders(state: State, now: number): Decision[] {
  const { strategies, queue } = state;
  const emptied = strategies.emptying?.next(now, () => queue.isCalm);
  if (emptied === undefined) return [];
  return emptied.moves.map(({ pod, target }) => move(state, emptied, { pod, target, now }));
}

function move(
  { strategies, orders, costs }: State,
  { node, moves, cost, worth }: EmptiedNode,
  { pod, target, now }: EmptiedNode['moves'][number] & { now: number },
): Decision {
  const permission = strategies.permissionFor(pod, now);
  const { timeoutSeconds } = permission;
  const orderedBy = `${EMPTIER}${node.name}`;
  const explained = costs.explain(pod, node, { permission, dumps: moves.length, preemptor: pod, now });
  const victimCosts = roundedCosts(explained);
  orders.give(orderedBy, pod.uid, { action: 'Checkpoint', expiresAt: now + ORDER_TIMEOUT_MS });
  const victim = { pod: pod.key, priority: pod.priority, action: 'Checkpoint' as const, costs: victimCosts };
  return {
    type: 'Move',
    pod: podRef(pod),
    nodeName: node.name,
    targetName: target.name,
    victim: {
      pod: podRef(pod),
      action: 'Checkpoint',
      costs: victimCosts,
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    },
    orderedBy,
    explanation: {
      at: now,
      outcome: 'Move',
      summary:
        `goes on on node ${target.name}, so that node ${node.name} is empty: its ${moves.length} pod(s) can be moved at ` +
        `${cost.toFixed(3)} node-seconds, and an empty node is worth ${worth.toFixed(3)}.`,
      filtered: {},
      scores: [],
      plans: [
        {
          node: node.name,
          pdbViolations: 0,
          highestVictimPriority: pod.priority,
          cost: victimCosts.checkpoint ?? 0,
          victims: [victim],
        },
      ],
    },
  };
}
