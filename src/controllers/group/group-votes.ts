import { conditionOf, type Node, type Pod, type PodCheckpoint } from '../../model/index.ts';

/**
 * Why a vote does not count any more: who gave it cannot keep it. Its pod is gone or going, or its node is, and with that the images it
 * voted for. Undefined: every vote stands. A member whose agent alone is away keeps its vote, its processes standing still.
 */
export function withdrawnVote(
  voters: readonly PodCheckpoint[],
  pods: readonly Pod[],
  nodes: readonly Node[],
): string | undefined {
  const podsByUid = new Map(pods.map((pod) => [pod.metadata.uid, pod]));
  const nodesByName = new Map(nodes.map((node) => [node.metadata.name, node]));
  for (const { spec, status } of voters) {
    const { name, uid = '' } = spec.sourcePod;
    const pod = podsByUid.get(uid);
    if (pod === undefined) return `pod ${name} is gone since it was prepared`;
    if (pod.metadata.deletionTimestamp !== undefined) return `pod ${name} is being deleted`;
    const nodeName = status?.nodeName ?? pod.spec.nodeName ?? '';
    const lack = lackOf(nodesByName.get(nodeName));
    if (lack !== undefined) return `node ${nodeName} ${lack} since pod ${name} was prepared on it`;
  }
  return undefined;
}

/** Why nothing is to be expected of the node; undefined: it answers. */
export function lackOf(node: Node | undefined): string | undefined {
  if (node === undefined) return 'is gone';
  const ready = conditionOf(node.status?.conditions, 'Ready');
  return ready?.status === 'True' ? undefined : `does not answer (${ready?.reason ?? 'not Ready'})`;
}
