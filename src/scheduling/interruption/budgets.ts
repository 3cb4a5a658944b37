import { matchesLabelSelector, type PodDisruptionBudget } from '../../model/index.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

/** A budget as decisions see it: what it allows changes with every disruption, whom it selects hardly ever. */
interface Entry {
  budget: PodDisruptionBudget;
  readonly selector: string;
}

const NONE: readonly Entry[] = [];

/** The PodDisruptionBudgets: they order victims, and never forbid one (as in kube-scheduler). */
export class Budgets {
  readonly #byNamespace = new Map<string, Map<string, Entry>>();
  /** Which budgets select a pod, as long as no budget came, went or selects others. */
  #matches = new WeakMap<PodInfo, readonly Entry[]>();
  #generation = 0;

  /** Grows with every change of a budget. */
  get generation(): number {
    return this.#generation;
  }

  get isEmpty(): boolean {
    return this.#byNamespace.size === 0;
  }

  put(budget: PodDisruptionBudget): void {
    this.#generation += 1;
    const namespace = budget.metadata.namespace ?? 'default';
    const selector = JSON.stringify(budget.spec?.selector ?? null);
    const others = this.#byNamespace.get(namespace) ?? new Map<string, Entry>();
    this.#byNamespace.set(namespace, others);
    const known = others.get(budget.metadata.name);
    if (known?.selector === selector) {
      known.budget = budget;
      return;
    }
    others.set(budget.metadata.name, { budget, selector });
    this.#matches = new WeakMap();
  }

  delete(budget: PodDisruptionBudget): void {
    this.#generation += 1;
    const namespace = budget.metadata.namespace ?? 'default';
    const others = this.#byNamespace.get(namespace);
    others?.delete(budget.metadata.name);
    if (others?.size === 0) this.#byNamespace.delete(namespace);
    this.#matches = new WeakMap();
  }

  /** Whether interrupting the pod violates a budget whatever else is interrupted: nothing is allowed any more. */
  isExhaustedFor(pod: PodInfo): boolean {
    for (const { budget } of this.#of(pod)) {
      if ((budget.status?.disruptionsAllowed ?? 0) <= 0 && !isDisrupted(budget, pod)) return true;
    }
    return false;
  }

  /**
   * Which of the pods would go beyond a budget, if all went in this order (`filterPodsWithPDBViolation`): each counts
   * against every budget that matches it; those already in `disruptedPods` are not counted again.
   */
  violatedBy(pods: readonly PodInfo[]): ReadonlySet<string> {
    const violating = new Set<string>();
    const left = new Map<Entry, number>();
    for (const pod of pods) {
      for (const entry of this.#of(pod)) {
        if (isDisrupted(entry.budget, pod)) continue;
        const allowed = (left.get(entry) ?? entry.budget.status?.disruptionsAllowed ?? 0) - 1;
        left.set(entry, allowed);
        if (allowed < 0) violating.add(pod.uid);
      }
    }
    return violating;
  }

  #of(info: PodInfo): readonly Entry[] {
    const known = this.#matches.get(info);
    if (known !== undefined) return known; // speed
    const { labels } = info.pod.metadata;
    const others = labels === undefined ? undefined : this.#byNamespace.get(info.namespace);
    const matching: Entry[] = [];
    if (labels !== undefined && others !== undefined) {
      for (const entry of others.values()) if (selects(entry.budget, labels)) matching.push(entry);
    }
    const found = matching.length === 0 ? NONE : matching;
    this.#matches.set(info, found);
    return found;
  }
}

function isDisrupted(budget: PodDisruptionBudget, pod: PodInfo): boolean {
  return budget.status?.disruptedPods?.[pod.name] !== undefined;
}

/** A budget with no or an empty selector matches nothing here, as in kube-scheduler. */
function selects(budget: PodDisruptionBudget, labels: Record<string, string>): boolean {
  const selector = budget.spec?.selector as Parameters<typeof matchesLabelSelector>[0];
  if (selector === undefined) return false;
  const empty = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length === 0;
  return !empty && matchesLabelSelector(selector, labels);
}
