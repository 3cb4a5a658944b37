import { matchesLabelSelector, type PodDisruptionBudget } from '../../model/index.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** The PodDisruptionBudgets: they order victims, and never forbid one (as in kube-scheduler). */
export class Budgets {
  readonly #byNamespace = new Map<string, Map<string, PodDisruptionBudget>>();

  get isEmpty(): boolean {
    return this.#byNamespace.size === 0;
  }

  put(budget: PodDisruptionBudget): void {
    const namespace = budget.metadata.namespace ?? 'default';
    const others = this.#byNamespace.get(namespace);
    if (others === undefined) this.#byNamespace.set(namespace, new Map([[budget.metadata.name, budget]]));
    else others.set(budget.metadata.name, budget);
  }

  delete(budget: PodDisruptionBudget): void {
    const namespace = budget.metadata.namespace ?? 'default';
    const others = this.#byNamespace.get(namespace);
    others?.delete(budget.metadata.name);
    if (others?.size === 0) this.#byNamespace.delete(namespace);
  }

  /**
   * Which of the pods would go beyond a budget, if all went in this order (`filterPodsWithPDBViolation`): each counts
   * against every budget that matches it; those already in `disruptedPods` are not counted again.
   */
  violatedBy(pods: readonly PodInfo[]): ReadonlySet<string> {
    const violating = new Set<string>();
    const left = new Map<PodDisruptionBudget, number>();
    for (const { pod, uid, namespace, name } of pods) {
      if (pod.metadata.labels === undefined) continue;
      for (const budget of this.#byNamespace.get(namespace)?.values() ?? []) {
        if (!selects(budget, pod.metadata.labels) || budget.status?.disruptedPods?.[name] !== undefined) continue;
        const allowed = (left.get(budget) ?? budget.status?.disruptionsAllowed ?? 0) - 1;
        left.set(budget, allowed);
        if (allowed < 0) violating.add(uid);
      }
    }
    return violating;
  }
}

/** A budget with no or an empty selector matches nothing here, as in kube-scheduler. */
function selects(budget: PodDisruptionBudget, labels: Record<string, string>): boolean {
  const selector = budget.spec?.selector as Parameters<typeof matchesLabelSelector>[0];
  if (selector === undefined) return false;
  const empty = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
  return !empty && matchesLabelSelector(selector, labels);
}
