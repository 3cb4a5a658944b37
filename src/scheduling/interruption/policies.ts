import { type InterruptionPolicy, matchesLabelSelector, type Pod } from '../../model/index.ts';
import { DEFAULT_POLICY_NAME, DEFAULT_POLICY_NAMESPACE } from '../constants.ts';
import { FactChanges, type FactListener } from './fact-changes.ts';

/** The InterruptionPolicies, and which one holds for a pod. */
export class Policies {
  /** Per namespace, by name. */
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
    others.sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1));
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

  /** The first by name of the pod's namespace whose selector matches, else the cluster's default; undefined: none. */
  of(pod: Pod): InterruptionPolicy | undefined {
    if (this.#byNamespace.size === 0) return undefined; // speed
    const { labels, namespace = 'default' } = pod.metadata;
    const own = this.#byNamespace.get(namespace)?.find(({ spec }) => matchesLabelSelector(spec.selector, labels));
    if (own !== undefined) return own;
    return this.#byNamespace
      .get(DEFAULT_POLICY_NAMESPACE)
      ?.find(
        ({ metadata, spec }) => metadata.name === DEFAULT_POLICY_NAME && matchesLabelSelector(spec.selector, labels),
      );
  }
}
