import { meets, type PodSpec } from '../../model/index.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';

type NodeAffinitySpec = NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>;
export type NodeSelectorTerm = NonNullable<
  NodeAffinitySpec['requiredDuringSchedulingIgnoredDuringExecution']
>['nodeSelectorTerms'][number];
type Requirement = NonNullable<NodeSelectorTerm['matchExpressions']>[number];

/** Whether the node meets every requirement of the term; a term without requirements matches no node (upstream). */
export function matchesTerm(term: NodeSelectorTerm, node: NodeInfo): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  return (
    expressions.every((requirement) => holds(requirement, labelOf(node, requirement.key))) &&
    // The API knows one field, and In and NotIn with one value.
    fields.every((requirement) => requirement.key === 'metadata.name' && holds(requirement, node.name))
  );
}

/** Node affinity a pod requires: every label of its selector, and any one of the required terms. */
export function matchesNodeAffinity({ nodeSelector, affinity }: PodSpec, node: NodeInfo): boolean {
  for (const key in nodeSelector) if (labelOf(node, key) !== nodeSelector[key]) return false;
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || required.nodeSelectorTerms.some((term) => matchesTerm(term, node));
}

/** A label that is inherited from Object is none. */
export function labelOf(node: NodeInfo, key: string): string | undefined {
  return Object.hasOwn(node.labels, key) ? node.labels[key] : undefined;
}

function holds({ operator, values = [] }: Requirement, value: string | undefined): boolean {
  return meets(value, operator, values);
}
