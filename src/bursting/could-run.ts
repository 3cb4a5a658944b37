import { fits, type Node, parseResources, podRequests } from '../model/index.ts';
import type { core } from './job.ts';

/**
 * Is any node of the cluster, were it empty, large enough for such a pod? Looks at requests and `nodeSelector`; what else
 * keeps a pod from a node (affinity, taints) counts as what its owner wants, not as want of room.
 */
export function couldRunHere(spec: core.PodSpec, nodes: readonly Node[]): boolean {
  const requests = podRequests({ spec });
  return nodes.some(({ metadata, status }) => {
    const labels = metadata.labels ?? {};
    const isSelected = Object.entries(spec.nodeSelector ?? {}).every(([name, value]) => labels[name] === value);
    return isSelected && fits(requests, { pods: 1, ...parseResources(status?.allocatable) });
  });
}
