import {
  type Draft,
  PODS,
  type Pod,
  PRIORITY_CLASSES,
  type PriorityClass,
  SYSTEM_PRIORITIES,
} from '../../model/index.ts';
import { forbidden } from './refusals.ts';

/** The classes every cluster has from the start. */
export const SYSTEM_PRIORITY_CLASSES: readonly Draft<PriorityClass>[] = [
  {
    metadata: { name: 'system-cluster-critical' },
    value: SYSTEM_PRIORITIES['system-cluster-critical'] as number,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
  {
    metadata: { name: 'system-node-critical' },
    value: SYSTEM_PRIORITIES['system-node-critical'] as number,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
];

/**
 * The pod with `spec.priority` and `spec.preemptionPolicy` of its class, as kube-apiserver's Priority admission sets them.
 * Throws Forbidden for a class that does not exist, or values in the pod that are not the class's.
 */
export function admitPriority(pod: Pod, name: string, classes: Iterable<PriorityClass>): Pod {
  const { spec } = pod;
  const chosen = classOf(spec.priorityClassName, classes);
  if (spec.priorityClassName && chosen === undefined) {
    throw forbidden(PODS, name, `no PriorityClass with name ${spec.priorityClassName} was found`);
  }
  const priority = chosen?.value ?? 0;
  const preemptionPolicy = chosen?.preemptionPolicy ?? 'PreemptLowerPriority';
  if (spec.priority !== undefined && spec.priority !== priority) {
    throw forbidden(
      PODS,
      name,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`,
    );
  }
  if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
    throw forbidden(
      PODS,
      name,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`,
    );
  }
  const priorityClassName = chosen?.metadata.name;
  return {
    ...pod,
    spec: { ...spec, priority, preemptionPolicy, ...(priorityClassName === undefined ? {} : { priorityClassName }) },
  };
}

/** The class of that name, or without a name the cluster's default (of several, as in Kubernetes, the lowest). */
function classOf(name: string | undefined, classes: Iterable<PriorityClass>): PriorityClass | undefined {
  let found: PriorityClass | undefined;
  for (const candidate of classes) {
    if (name) {
      if (candidate.metadata.name === name) return candidate;
    } else if (candidate.globalDefault && (found === undefined || candidate.value < found.value)) {
      found = candidate;
    }
  }
  return found;
}

/** Throws Forbidden for a second default. */
export function admitPriorityClass(next: PriorityClass, others: Iterable<PriorityClass>): void {
  const { name } = next.metadata;
  if (!next.globalDefault) return;
  for (const other of others) {
    if (other.globalDefault && other.metadata.name !== name) {
      throw forbidden(
        PRIORITY_CLASSES,
        name,
        `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
      );
    }
  }
}
