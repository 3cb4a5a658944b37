import type { KubeObject } from '../../model/index.ts';
import type { NodeChange, NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/**
 * Follows what changes in the snapshot, to keep counts of its own (pods by topology domain, claims by node); told after
 * the change. Assumed pods are placed and displaced like any other; a new version of a placed pod displaces the old one
 * first. Trials within a cycle are not told of: those go by `addPod` and `removePod` of PreFilter.
 */
export interface SnapshotListener {
  /** `node.node` is undefined while the node itself is not known. */
  podPlaced?(pod: PodInfo, node: NodeInfo): void;
  podDisplaced?(pod: PodInfo, node: NodeInfo): void;
  /** The node came, or changed in something decisions depend on; its pods may have come before it. */
  nodeChanged?(node: NodeInfo, change: NodeChange): void;
  /** The node went; its pods may still be there. */
  nodeRemoved?(node: NodeInfo): void;
  objectChanged?(object: KubeObject, before: KubeObject | undefined): void;
  objectDeleted?(object: KubeObject): void;
}
