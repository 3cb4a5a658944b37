import type { Decision, VictimDecision, VictimGroupDecision } from '../contract.ts';
import { podRef } from '../snapshot/pod-info.ts';
import { type ExplainedPlan, roundedCosts } from './interruption-plan.ts';

/** What is to be done to whom. */
export function victimDecisions(plan: ExplainedPlan): VictimDecision[] {
  return plan.victims.map(({ pod, action, group, costs, permission: { timeoutSeconds } }) => ({
    pod: podRef(pod),
    action,
    ...(group === undefined ? {} : { group: nameIn(group) }),
    costs: roundedCosts(costs),
    ...(action === 'Terminate' && { labels: pod.pod.metadata.labels ?? {} }),
    ...(action === 'Checkpoint' && timeoutSeconds !== undefined ? { timeoutSeconds } : {}),
  }));
}

/** The groups among the victims; nothing at all when there are none. */
export function groupDecisions(plan: ExplainedPlan): Pick<Extract<Decision, { type: 'Interrupt' }>, 'groups'> {
  const groups = new Map<string, VictimGroupDecision>();
  for (const { pod, action, group, permission } of plan.victims) {
    if (group === undefined) continue;
    const known = groups.get(group) ?? { namespace: pod.namespace, name: nameIn(group), action, members: [] };
    known.members.push(podRef(pod));
    const { timeoutSeconds } = permission;
    if (action === 'Checkpoint' && timeoutSeconds !== undefined) {
      known.timeoutSeconds = Math.min(timeoutSeconds, known.timeoutSeconds ?? Infinity);
    }
    groups.set(group, known);
  }
  return groups.size === 0 ? {} : { groups: [...groups.values()] };
}

/** The name in `namespace/name`. */
function nameIn(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
