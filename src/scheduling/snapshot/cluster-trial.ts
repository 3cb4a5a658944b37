import type { Cluster } from './cluster.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/**
 * The cluster as it would be with pods placed, moved or gone. All plugins see it so, over several pods' cycles (a trial within
 * one cycle goes by `Framework.addPod`/`removePod`); {@link undo} leaves it as it was.
 */
export class ClusterTrial {
  readonly #cluster: Cluster;
  /** What was touched → where it was; undefined: it waited. */
  readonly #before = new Map<PodInfo, string | undefined>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  takeAway(pod: PodInfo): void {
    this.#remember(pod);
    this.#cluster.displace(pod.uid);
    // It may be tried elsewhere: as one that waits, not as one that names its node.
    pod.nodeName = undefined;
  }

  place(pod: PodInfo, node: NodeInfo): void {
    this.#remember(pod);
    this.#cluster.place(pod, node.name);
  }

  /** Undoes what was done to one pod. */
  restore(pod: PodInfo): void {
    const nodeName = this.#before.get(pod);
    this.#before.delete(pod);
    this.#cluster.displace(pod.uid);
    if (nodeName === undefined) pod.nodeName = undefined;
    else this.#cluster.place(pod, nodeName);
  }

  undo(): void {
    // All are taken away before any comes back: nothing may seem over-committed on the way.
    for (const pod of this.#before.keys()) this.#cluster.displace(pod.uid);
    for (const pod of [...this.#before.keys()]) this.restore(pod);
  }

  #remember(pod: PodInfo): void {
    if (!this.#before.has(pod)) this.#before.set(pod, this.#cluster.placed(pod.uid)?.nodeName);
  }
}
