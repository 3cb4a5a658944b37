import { Cycle } from '../framework/cycle.ts';
import type { Framework } from '../framework/framework.ts';
import type { Cluster } from '../snapshot/cluster.ts';
import { ClusterTrial } from '../snapshot/cluster-trial.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

export interface MoveTargetsDependencies {
  /** The framework that decides about the pod; asked only once decisions are taken. */
  readonly frameworkOf: (pod: PodInfo) => Framework;
  readonly cluster: Cluster;
}

/** Pods that are to leave a node. */
export interface Leavers {
  readonly pods: readonly PodInfo[];
  readonly from: NodeInfo;
  /** Who takes their place there; absent: nobody. */
  readonly successor?: PodInfo;
  /** Whether one of them may go to the node. */
  readonly mayTake: (node: NodeInfo) => boolean;
}

/**
 * A node for each of them by UID, the largest first, the successor in their place: all or none. Each is the fullest node that
 * can take the pod as it is, so that the room of the others stays whole.
 */
export function moveTargets(
  { frameworkOf, cluster }: MoveTargetsDependencies,
  { pods, from, successor, mayTake }: Leavers,
  now: number,
): ReadonlyMap<string, NodeInfo> | undefined {
  const targetOf = (moved: PodInfo): NodeInfo | undefined => {
    const framework = frameworkOf(moved);
    const cycle = new Cycle(moved, now);
    if (framework.preFilter(cycle) !== undefined) return undefined;
    const filters = framework.filtersOf(cycle);
    let best: NodeInfo | undefined;
    for (const node of cluster.nodes) {
      if (node === from || (best !== undefined && freeOf(node) >= freeOf(best)) || !mayTake(node)) continue;
      if (framework.filter(cycle, node, filters) === undefined) best = node;
    }
    return best;
  };
  const trial = new ClusterTrial(cluster);
  const targets = new Map<string, NodeInfo>();
  try {
    for (const moved of pods) trial.takeAway(moved);
    if (successor !== undefined) trial.place(successor, from);
    for (const moved of [...pods].sort((one, other) => sizeOf(other) - sizeOf(one))) {
      const target = targetOf(moved);
      if (target === undefined) return undefined;
      trial.place(moved, target);
      targets.set(moved.uid, target);
    }
    return targets;
  } finally {
    trial.undo();
  }
}

/** What is left of the node's scarcest resource, as part of what it has. */
export function freeOf({ allocatable, requested }: NodeInfo): number {
  let free = 1;
  for (let index = 0; index < allocatable.length; index++) {
    const whole = allocatable[index] ?? 0;
    if (whole > 0) free = Math.min(free, 1 - (requested[index] ?? 0) / whole);
  }
  return free;
}

function sizeOf({ requests }: PodInfo): number {
  let size = 0;
  for (let index = 0; index < requests.length; index++) size += Math.log1p(requests[index] ?? 0);
  return size;
}
