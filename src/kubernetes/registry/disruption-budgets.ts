import { rfc3339 } from '../../clock/index.ts';
import {
  isConditionTrue,
  keyOf,
  matchesLabelSelector,
  POD_DISRUPTION_BUDGETS,
  PODS,
  type Pod,
  type PodDisruptionBudget,
  withCondition,
} from '../../model/index.ts';
import { ApiError } from '../api-error.ts';
import { collectionOf, drain, type RegistryCore, type Upkeep } from './core.ts';
import type { Change } from './options.ts';

const BUDGETS = collectionOf(POD_DISRUPTION_BUDGETS);
const POD_COLLECTION = collectionOf(PODS);
/** What kube-apiserver tells an evicted client to wait. */
const RETRY_AFTER_SECONDS = 10;
const REFUSAL = "Cannot evict pod as it would violate the pod's disruption budget.";

interface Tally {
  budget: PodDisruptionBudget;
  /** Pods of the selector that have not ended. */
  expected: number;
  /** Of these, Ready and not being deleted. */
  healthy: number;
}

/**
 * Keeps the status of PodDisruptionBudgets (kube-controller-manager's disruption controller) by counting pods as they come,
 * change and go, and answers whether a pod may be evicted. The expected count is that of the matching pods, since there
 * are no controllers here whose `scale` could be asked.
 */
export class DisruptionBudgets implements Upkeep {
  readonly #core: RegistryCore;
  /** By namespace, then name. */
  readonly #tallies = new Map<string, Map<string, Tally>>();
  readonly #due = new Set<Tally>();

  constructor(core: RegistryCore) {
    this.#core = core;
  }

  observe(change: Change): void {
    if (change.collection === POD_COLLECTION) this.#observePod(change);
    else if (change.collection === BUDGETS) this.#observeBudget(change);
  }

  isDue(): boolean {
    return this.#due.size > 0;
  }

  run(): void {
    drain(this.#due, (tally) => this.#writeStatus(tally));
  }

  /** Throws TooManyRequests when the pod's budget has no room for one disruption more. */
  admitEviction(pod: Pod): void {
    // As in kube-apiserver: a pod that has ended, never ran, or is going already does not count.
    const phase = pod.status?.phase;
    if (phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending') return;
    if (pod.metadata.deletionTimestamp !== undefined) return;
    const [tally, second] = this.#matching(pod);
    if (tally === undefined) return;
    if (second !== undefined) {
      throw new ApiError(
        'InternalError',
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      );
    }
    const { name } = tally.budget.metadata;
    const desired = desiredHealthy(tally);
    const spec = tally.budget.spec as { unhealthyPodEvictionPolicy?: string } | undefined;
    if (!isConditionTrue(pod.status?.conditions, 'Ready')) {
      if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return;
      if (desired > 0 && tally.healthy >= desired) return;
    }
    if (tally.healthy - desired >= 1) return;
    throw new ApiError('TooManyRequests', REFUSAL, {
      details: {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        causes: [
          {
            reason: 'DisruptionBudget',
            message: `The disruption budget ${name} needs ${desired} healthy pods and has ${tally.healthy} currently`,
          },
        ],
      },
    });
  }

  #matching(pod: Pod): Tally[] {
    const budgets = this.#tallies.get(pod.metadata.namespace ?? '');
    return budgets === undefined ? [] : [...budgets.values()].filter(({ budget }) => selects(budget, pod));
  }

  #observePod({ type, object, previous }: Change): void {
    const budgets = this.#tallies.get(object.metadata.namespace ?? '');
    if (budgets === undefined) return;
    for (const tally of budgets.values()) {
      const before = countOf(tally.budget, previous as Pod | undefined);
      const after = countOf(tally.budget, type === 'DELETED' ? undefined : (object as Pod));
      if (before.expected === after.expected && before.healthy === after.healthy) continue;
      tally.expected += after.expected - before.expected;
      tally.healthy += after.healthy - before.healthy;
      this.#due.add(tally);
    }
  }

  #observeBudget({ type, object, previous }: Change): void {
    const budget = object as PodDisruptionBudget;
    const { namespace = '', name } = budget.metadata;
    let budgets = this.#tallies.get(namespace);
    const known = budgets?.get(name);
    if (type === 'DELETED') {
      budgets?.delete(name);
      if (budgets?.size === 0) this.#tallies.delete(namespace);
      if (known !== undefined) this.#due.delete(known);
      return;
    }
    if (known !== undefined && (previous as PodDisruptionBudget | undefined)?.spec === budget.spec) {
      known.budget = budget;
      return;
    }
    if (known !== undefined) this.#due.delete(known);
    const tally = this.#count(budget);
    if (budgets === undefined) {
      budgets = new Map();
      this.#tallies.set(namespace, budgets);
    }
    budgets.set(name, tally);
    this.#due.add(tally);
  }

  #count(budget: PodDisruptionBudget): Tally {
    const tally = { budget, expected: 0, healthy: 0 };
    const pods = this.#core.ledger.collection(POD_COLLECTION);
    for (const key of pods.keys(budget.metadata.namespace)) {
      const count = countOf(budget, pods.get(key) as Pod | undefined);
      tally.expected += count.expected;
      tally.healthy += count.healthy;
    }
    return tally;
  }

  #writeStatus(tally: Tally): void {
    const { budget } = tally;
    const desired = desiredHealthy(tally);
    const disruptionsAllowed = tally.expected === 0 ? 0 : Math.max(0, tally.healthy - desired);
    const condition =
      disruptionsAllowed > 0
        ? ({ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' } as const)
        : ({ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' } as const);
    const status: NonNullable<PodDisruptionBudget['status']> = {
      ...budget.status,
      currentHealthy: tally.healthy,
      desiredHealthy: desired,
      expectedPods: tally.expected,
      disruptionsAllowed,
      conditions: withCondition(budget.status?.conditions, condition, rfc3339(this.#core.clock.now())),
      ...(budget.metadata.generation === undefined ? {} : { observedGeneration: budget.metadata.generation }),
    };
    const next: PodDisruptionBudget = { ...budget, status };
    this.#core.put(BUDGETS, keyOf(budget), next);
  }
}

function selects(budget: PodDisruptionBudget, pod: Pod): boolean {
  // Absent selects nothing, empty selects all (policy/v1).
  const selector = budget.spec?.selector;
  return (
    selector !== undefined &&
    matchesLabelSelector(selector as Parameters<typeof matchesLabelSelector>[0], pod.metadata.labels)
  );
}

function countOf(budget: PodDisruptionBudget, pod: Pod | undefined): { expected: 0 | 1; healthy: 0 | 1 } {
  const phase = pod?.status?.phase;
  if (pod === undefined || phase === 'Succeeded' || phase === 'Failed' || !selects(budget, pod)) {
    return { expected: 0, healthy: 0 };
  }
  const going = pod.metadata.deletionTimestamp !== undefined;
  return { expected: 1, healthy: !going && isConditionTrue(pod.status?.conditions, 'Ready') ? 1 : 0 };
}

function desiredHealthy({ budget, expected }: Tally): number {
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  if (maxUnavailable !== undefined) return Math.max(0, expected - scaled(maxUnavailable, expected));
  return minAvailable === undefined ? 0 : scaled(minAvailable, expected);
}

/** A number as it is; a percentage of `total`, rounded up. */
function scaled(value: number | string, total: number): number {
  if (typeof value === 'number') return value;
  return value.endsWith('%') ? Math.ceil((Number.parseFloat(value) * total) / 100) : Number.parseInt(value, 10);
}
