import {
  DEFAULT_POLICY_NAMESPACE,
  type InterruptionPolicy,
  mostSpecificFirst,
  type Pod,
  policyThatHolds,
} from '../../model/index.ts';
import { FactChanges, type FactListener } from './fact-changes.ts';

/** The InterruptionPolicies, and which one holds for a pod. */
export class Policies {
  /** Per namespace, the most specific first. */
  readonly #byNamespace = new Map<string, InterruptionPolicy[]>();
  readonly #changes: FactListener;

  constructor(changes: FactListener = new FactChanges()) {
    this.#changes = changes;
  }

  put(policy: InterruptionPolicy): void {
    this.delete(policy);
    const namespace = policy.metadata.namespace ?? 'default';
    const others = this.#byNamespace.get(namespace) ?? [];
    others.push(policy);
    others.sort(mostSpecificFirst);
    this.#byNamespace.set(namespace, others);
    this.#changes.everythingChanged();
  }

  delete(policy: InterruptionPolicy): void {
    const namespace = policy.metadata.namespace ?? 'default';
    const others = (this.#byNamespace.get(namespace) ?? []).filter(
      ({ metadata }) => metadata.name !== policy.metadata.name,
    );
    if (others.length === 0) this.#byNamespace.delete(namespace);
    else this.#byNamespace.set(namespace, others);
    this.#changes.everythingChanged();
  }

  /** See {@link policyThatHolds}; undefined: none. */
  of(pod: Pod): InterruptionPolicy | undefined {
    if (this.#byNamespace.size === 0) return undefined; // speed
    const { labels, namespace = 'default' } = pod.metadata;
    const own = this.#byNamespace.get(namespace) ?? [];
    return policyThatHolds(own, this.#byNamespace.get(DEFAULT_POLICY_NAMESPACE) ?? [], labels);
  }
}
