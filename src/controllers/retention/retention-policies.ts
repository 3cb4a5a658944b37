import type { RetentionLimits, WorkloadLimits } from '../../checkpoint/index.ts';
import {
  DEFAULT_POLICY_NAMESPACE,
  FermataError,
  type InterruptionPolicy,
  mostSpecificFirst,
  policyThatHolds,
  quantityUnits,
} from '../../model/index.ts';

type Retention = NonNullable<InterruptionPolicy['spec']['retention']>;

/**
 * What the policies say of keeping checkpoints. Of those that say anything of it one holds, chosen as for everything else
 * ({@link policyThatHolds}).
 */
export class RetentionPolicies {
  /** Those that say anything of it, the most specific first. */
  readonly #policies: readonly InterruptionPolicy[];

  constructor(policies: readonly InterruptionPolicy[]) {
    this.#policies = policies.filter(({ spec }) => spec.retention !== undefined).sort(mostSpecificFirst);
  }

  get none(): boolean {
    return this.#policies.length === 0;
  }

  /** Of a workload whose pods have these labels. */
  ofWorkload(namespace: string, labels: Readonly<Record<string, string>>): Retention | undefined {
    return policyThatHolds(this.#of(namespace), this.#of(DEFAULT_POLICY_NAMESPACE), labels)?.spec.retention;
  }

  ofNamespace(namespace: string): RetentionLimits | undefined {
    const own = this.#of(namespace).filter(
      ({ spec }) => spec.selector === undefined && spec.retention?.namespace !== undefined,
    );
    const found = policyThatHolds(own, this.#of(DEFAULT_POLICY_NAMESPACE), {})?.spec.retention?.namespace;
    return found === undefined ? undefined : limitsOf(found);
  }

  #of(namespace: string): InterruptionPolicy[] {
    return this.#policies.filter(({ metadata }) => metadata.namespace === namespace);
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

/**
 * What of a policy's limits is no quantity, one sentence each: a real API server takes any text. Such a limit does not hold, so that
 * nothing goes by it.
 */
export function unreadableLimits({ spec }: InterruptionPolicy): string[] {
  const { retention = {} } = spec;
  const { pod, container, containers = [], namespace } = retention;
  const all: Record<string, Partial<Retention> | undefined> = { retention, pod, container, namespace };
  for (const one of containers) all[`containers ${one.name}`] = one;
  return Object.entries(all).flatMap(([whose, { maxCheckpointSize, maxTotalSize } = {}]) =>
    Object.entries({ maxCheckpointSize, maxTotalSize }).flatMap(([field, quantity]) =>
      quantity === undefined || bytesOf(quantity) !== undefined
        ? []
        : [`${whose}: ${field} "${quantity}" is no quantity`],
    ),
  );
}

function limitsOf({
  maxCheckpoints,
  maxCheckpointSize,
  maxTotalSize,
  maxAgeSeconds,
}: Partial<Retention>): RetentionLimits {
  const [maxCheckpointBytes, maxTotalBytes] = [bytesOf(maxCheckpointSize), bytesOf(maxTotalSize)];
  return {
    ...(maxCheckpoints === undefined ? {} : { maxCheckpoints }),
    ...(maxCheckpointBytes === undefined ? {} : { maxCheckpointBytes }),
    ...(maxTotalBytes === undefined ? {} : { maxTotalBytes }),
    ...(maxAgeSeconds === undefined ? {} : { maxAgeMilliseconds: maxAgeSeconds * 1000 }),
  };
}

function bytesOf(quantity: string | undefined): number | undefined {
  if (quantity === undefined) return undefined;
  try {
    return quantityUnits(quantity);
  } catch (error) {
    if (error instanceof FermataError && error.code === 'QuantityInvalid') return undefined;
    throw error;
  }
}
