import type { RetentionLimits, WorkloadLimits } from '../../checkpoint/index.ts';
import { type InterruptionPolicy, matchesLabelSelector, quantityUnits } from '../../model/index.ts';
import { DEFAULT_POLICY_NAME, DEFAULT_POLICY_NAMESPACE } from '../../scheduling/index.ts';

type Retention = NonNullable<InterruptionPolicy['spec']['retention']>;

/**
 * What the policies say of keeping checkpoints. The most specific alone holds: one with a selector before one without, then the
 * cluster's default; of equals the first by name.
 */
export class RetentionPolicies {
  /** Those that say anything of it, the most specific first. */
  readonly #policies: readonly InterruptionPolicy[];

  constructor(policies: readonly InterruptionPolicy[]) {
    this.#policies = policies
      .filter(({ spec }) => spec.retention !== undefined)
      .sort(
        (one, other) =>
          Number(one.spec.selector === undefined) - Number(other.spec.selector === undefined) ||
          (one.metadata.name < other.metadata.name ? -1 : 1),
      );
  }

  get none(): boolean {
    return this.#policies.length === 0;
  }

  /** Of a workload whose pods have these labels. */
  ofWorkload(namespace: string, labels: Readonly<Record<string, string>>): Retention | undefined {
    const own = this.#policies.find(
      ({ metadata, spec }) => metadata.namespace === namespace && matchesLabelSelector(spec.selector, labels),
    );
    return (own ?? this.#default(labels))?.spec.retention;
  }

  ofNamespace(namespace: string): RetentionLimits | undefined {
    const own = this.#policies.find(
      ({ metadata, spec }) =>
        metadata.namespace === namespace && spec.selector === undefined && spec.retention?.namespace !== undefined,
    );
    const found = (own ?? this.#default({}))?.spec.retention?.namespace;
    return found === undefined ? undefined : limitsOf(found);
  }

  #default(labels: Readonly<Record<string, string>>): InterruptionPolicy | undefined {
    return this.#policies.find(
      ({ metadata, spec }) =>
        metadata.namespace === DEFAULT_POLICY_NAMESPACE &&
        metadata.name === DEFAULT_POLICY_NAME &&
        matchesLabelSelector(spec.selector, labels),
    );
  }
}

/** Those of a workload, with those of its pods and containers. */
export function workloadLimitsOf(retention: Retention): WorkloadLimits {
  const { pod, container, containers } = retention;
  return {
    ...limitsOf(retention),
    ...(pod === undefined ? {} : { pod: limitsOf(pod) }),
    ...(container === undefined ? {} : { container: limitsOf(container) }),
    ...(containers === undefined ? {} : { containers: new Map(containers.map((one) => [one.name, limitsOf(one)])) }),
  };
}

function limitsOf(retention: Partial<Retention>): RetentionLimits {
  const { maxCheckpoints, maxCheckpointSize, maxTotalSize, maxAgeSeconds } = retention;
  return {
    ...(maxCheckpoints === undefined ? {} : { maxCheckpoints }),
    ...(maxCheckpointSize === undefined ? {} : { maxCheckpointBytes: quantityUnits(maxCheckpointSize) }),
    ...(maxTotalSize === undefined ? {} : { maxTotalBytes: quantityUnits(maxTotalSize) }),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeMilliseconds: maxAgeSeconds * 1000 }),
  };
}
