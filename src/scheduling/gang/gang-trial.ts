import type { Remedy } from '../framework/phases.ts';
import { ClusterTrial } from '../snapshot/cluster-trial.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** The cluster as it would be with members of a gang placed and their victims gone. */
export class GangTrial extends ClusterTrial {
  /**
   * Lets those go that the remedy counts on, and places the pod where they were. Undefined, with nothing done, when the
   * remedy is none, or a wait for natural ends.
   */
  provide(pod: PodInfo, remedy: Remedy): string | undefined {
    if (remedy.type === 'None') return undefined;
    const [plan] = remedy.plans;
    if (plan === undefined || (remedy.type === 'Wait' && plan.victims.length > 0)) return undefined;
    for (const { pod: victim } of plan.victims) this.takeAway(victim);
    for (const leaving of plan.leaving) this.takeAway(leaving);
    this.place(pod, plan.node);
    return plan.node.name;
  }
}
