import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { Trial } from './select-victims.ts';

/** When a node will have room by itself, and whose ends make it so. */
export interface NaturalEnd {
  readonly node: NodeInfo;
  /** ms since the epoch. */
  readonly at: number;
  readonly pods: readonly PodInfo[];
}

/**
 * The earliest time at which the pod fits because others have come to their known end (Slurm's shadow time). Pods that are
 * overdue have no known end any more, and ends after `limit` (ms since the epoch) are of no use. `trial` is left as it was found.
 */
export function naturalEndOf(
  trial: Trial,
  node: NodeInfo,
  { now, limit }: { now: number; limit: number },
): NaturalEnd | undefined {
  const ending = [...node.pods.values()]
    .flatMap((pod) =>
      pod.endsAt !== undefined && pod.endsAt > now && pod.endsAt <= limit ? [{ pod, at: pod.endsAt }] : [],
    )
    .sort((one, other) => one.at - other.at || (one.pod.uid < other.pod.uid ? -1 : 1));
  const gone: PodInfo[] = [];
  try {
    for (const { pod, at } of ending) {
      trial.remove(pod);
      gone.push(pod);
      if (trial.rejection() === undefined) return { node, at, pods: [...gone] };
    }
    return undefined;
  } finally {
    for (const pod of gone) trial.putBack(pod);
  }
}
