import { ORDER_TIMEOUT_MS } from '../constants.ts';
import type { Decision, Explanation } from '../contract.ts';
import type { EngineState } from '../engine-state.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { type PodInfo, podRef } from '../snapshot/pod-info.ts';
import { roundedCosts } from './interruption-plan.ts';

export type OrderingState = Pick<EngineState, 'strategies' | 'orders' | 'costs'>;

export interface CheckpointForNobody {
  readonly pod: PodInfo;
  /** The node it leaves. */
  readonly node: NodeInfo;
  /** Dumps there at once, this one included. */
  readonly dumps: number;
  /** Stands for the preemptor; no UID is like it. */
  readonly orderedBy: string;
  readonly outcome: Explanation['outcome'];
  readonly summary: string;
  readonly now: number;
}

/** Orders the checkpoint of a pod for which nobody in particular waits, and says what is common to such decisions. */
export function orderCheckpoint(
  { strategies, orders, costs }: OrderingState,
  { pod, node, dumps, orderedBy, outcome, summary, now }: CheckpointForNobody,
): Omit<Extract<Decision, { type: 'Reclaim' }>, 'type'> {
  // Whoever agreed to go at any time is asked for however short it ran: the cost of its checkpoint is told all the same.
  const permission = { ...strategies.permissionFor(pod, now), checkpoint: true };
  const { timeoutSeconds } = permission;
  const victimCosts = roundedCosts(costs.explain(pod, node, { permission, dumps, preemptor: pod, now }));
  const action = 'Checkpoint' as const;
  orders.give(orderedBy, pod.uid, { action, expiresAt: now + ORDER_TIMEOUT_MS });
  return {
    pod: podRef(pod),
    nodeName: node.name,
    victim: {
      pod: podRef(pod),
      action,
      costs: victimCosts,
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    },
    orderedBy,
    explanation: {
      at: now,
      outcome,
      summary,
      filtered: {},
      scores: [],
      plans: [
        {
          node: node.name,
          pdbViolations: 0,
          highestVictimPriority: pod.priority,
          cost: victimCosts.checkpoint ?? 0,
          victims: [{ pod: pod.key, priority: pod.priority, action, costs: victimCosts }],
        },
      ],
    },
  };
}
