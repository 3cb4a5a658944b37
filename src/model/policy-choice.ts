import type { InterruptionPolicy } from './interruptionpolicy.ts';
import { matchesLabelSelector } from './label-selector.ts';

/** Namespace and name of the InterruptionPolicy that holds where none of a pod's own namespace does. */
export const DEFAULT_POLICY_NAMESPACE = 'fermata-system';
export const DEFAULT_POLICY_NAME = 'default';

/**
 * Order in which policies of one namespace are asked whether they hold for a pod: the more requirements a selector has (each
 * label, each expression), the earlier; of equals the first by name. One without a selector comes last.
 */
export function mostSpecificFirst(one: InterruptionPolicy, other: InterruptionPolicy): number {
  return requirementsOf(other) - requirementsOf(one) || (one.metadata.name < other.metadata.name ? -1 : 1);
}

/**
 * The policy that holds for a pod with these labels; undefined: none.
 * @param own of the pod's namespace, in the order of {@link mostSpecificFirst}
 * @param system of {@link DEFAULT_POLICY_NAMESPACE}, in any order
 */
export function policyThatHolds(
  own: readonly InterruptionPolicy[],
  system: readonly InterruptionPolicy[],
  labels: Readonly<Record<string, string>> | undefined,
): InterruptionPolicy | undefined {
  const isMeant = ({ spec }: InterruptionPolicy): boolean => matchesLabelSelector(spec.selector, labels);
  return own.find(isMeant) ?? system.find((policy) => policy.metadata.name === DEFAULT_POLICY_NAME && isMeant(policy));
}

function requirementsOf({ spec: { selector } }: InterruptionPolicy): number {
  return Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length;
}
