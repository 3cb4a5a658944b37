import { isConditionTrue, type PodCheckpoint, podGroupOf, RESTORED_CONDITION } from '../../model/index.ts';
import {
  MAX_CONCURRENT_FETCHES_PER_STORE,
  MAX_CONCURRENT_RESTORES_PER_NODE,
  RESTORE_BUDGET_SECONDS,
  RESTORE_OVERDUE_MS,
} from '../constants.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { SnapshotListener } from '../snapshot/snapshot-listener.ts';
import { isDataOn } from './data-on-node.ts';
import type { RestoreEstimate } from './restore-estimate.ts';
import { storeOf } from './store-rates.ts';

/** A pod that is on its node and not restored yet. */
interface UnderRestore {
  readonly pod: PodInfo;
  readonly nodeName: string;
}

/** What is being done with the bandwidth of one node or store. */
interface Load {
  count: number;
  /** Seconds of bandwidth asked for by those under way. */
  seconds: number;
}

/**
 * The restores under way and the bandwidth they use, so that many suspended workloads for which room comes free at once do
 * not all fetch and read at once: each would wait for all, and the first would run no sooner than the last.
 */
export class RestoreTraffic implements SnapshotListener {
  readonly #estimate: RestoreEstimate;
  readonly #checkpointOf: (key: string) => PodCheckpoint | undefined;
  readonly #underWay = new Map<string, UnderRestore>();
  /** UID → when it was first seen under way, ms since the epoch. */
  readonly #since = new Map<string, number>();

  /** @param checkpointOf finds a PodCheckpoint by `namespace/name` */
  constructor(estimate: RestoreEstimate, checkpointOf: (key: string) => PodCheckpoint | undefined) {
    this.#estimate = estimate;
    this.#checkpointOf = checkpointOf;
  }

  podPlaced(pod: PodInfo, node: NodeInfo): void {
    if (isBeingRestored(pod)) this.#underWay.set(pod.uid, { pod, nodeName: node.name });
  }

  podDisplaced(pod: PodInfo): void {
    this.#underWay.delete(pod.uid);
  }

  /** Why the pod's restore should not begin on the node now; undefined: it may. */
  refusal(checkpoint: PodCheckpoint, nodeName: string, loads: RestoreLoads): string | undefined {
    const node = loads.nodes.get(nodeName);
    const transfer = this.#estimate.transferSecondsOn(nodeName, checkpoint);
    if (node !== undefined && isFull(node, transfer, MAX_CONCURRENT_RESTORES_PER_NODE)) {
      return `node restores ${node.count} checkpoint(s) already`;
    }
    if (isDataOn(nodeName, checkpoint)) return undefined;
    const store = loads.stores.get(sourceOf(checkpoint));
    if (
      store === undefined ||
      !isFull(store, this.#estimate.fetchSeconds(checkpoint), MAX_CONCURRENT_FETCHES_PER_STORE)
    ) {
      return undefined;
    }
    return `${store.count} checkpoint(s) are being fetched already`;
  }

  /**
   * What is under way at `now` besides the restores of the same pod group (`namespace/name`) or group checkpoint, which come back
   * together or not at all: paced one against the other they never would. One that takes longer than any restore should counts no more.
   */
  loadsAt(now: number, group: string | undefined, own?: PodCheckpoint): RestoreLoads {
    const loads: RestoreLoads = { nodes: new Map(), stores: new Map() };
    for (const uid of this.#since.keys()) if (!this.#underWay.has(uid)) this.#since.delete(uid);
    for (const [uid, { pod, nodeName }] of this.#underWay) {
      const since = this.#since.get(uid) ?? now;
      this.#since.set(uid, since);
      if (now - since > RESTORE_OVERDUE_MS) continue;
      if (group !== undefined && podGroupOf(pod.pod) === group) continue;
      const checkpoint = this.#checkpointOf(`${pod.namespace}/${pod.restoreFrom}`);
      if (checkpoint === undefined || isTogether(checkpoint, own)) continue;
      add(loads.nodes, nodeName, this.#estimate.transferSecondsOn(nodeName, checkpoint));
      if (isDataOn(nodeName, checkpoint)) continue;
      add(loads.stores, sourceOf(checkpoint), this.#estimate.fetchSeconds(checkpoint));
    }
    return loads;
  }
}

export interface RestoreLoads {
  readonly nodes: Map<string, Load>;
  readonly stores: Map<string, Load>;
}

/** Whether the pod starts from a checkpoint and does not run from it yet. */
export function isBeingRestored({ pod, restoreFrom }: PodInfo): boolean {
  return restoreFrom !== undefined && !isConditionTrue(pod.status?.conditions, RESTORED_CONDITION);
}

function isTogether(one: PodCheckpoint, other: PodCheckpoint | undefined): boolean {
  const { group } = one.spec;
  return group !== undefined && group === other?.spec.group && one.metadata.namespace === other.metadata.namespace;
}

/** The first may always go, however large it is. */
function isFull({ count, seconds }: Load, more: number, limit: number): boolean {
  return count >= limit || seconds + more > RESTORE_BUDGET_SECONDS;
}

function sourceOf({ status }: PodCheckpoint): string {
  const url = status?.checkpointLocation?.store?.url;
  return url === undefined ? `node ${status?.nodeName ?? ''}` : storeOf(url);
}

function add(loads: Map<string, Load>, key: string, seconds: number): void {
  const load = loads.get(key) ?? { count: 0, seconds: 0 };
  load.count += 1;
  load.seconds += seconds;
  loads.set(key, load);
}
