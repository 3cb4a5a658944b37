import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { conditionOf, isConditionTrue, POD_CHECKPOINTS, type PodCheckpoint } from '../../model/index.ts';
import type { PodRef } from '../../scheduling/index.ts';

/** One PodCheckpoint that is to stop a pod. */
export interface Order {
  /** Of the PodCheckpoint, `namespace/name`. */
  key: string;
  nodeName: string;
  victim: PodRef;
}

/** What the scheduler's watches have told so far. */
export interface Seen {
  /** The PodCheckpoint is known. */
  checkpoint(key: string): boolean;
  /** The victim still takes its room in the engine's eyes. */
  victim(order: Order): boolean;
}

/**
 * PodCheckpoints that this scheduler asked for and its watch has not told of yet. A watch can stall, and an answer can be
 * on its way, for so long that the victim is seen to vanish before the order to stop it is seen: the room then looks free,
 * though nobody has confirmed it. Before anything is bound on a node with such an order the server itself is asked; and
 * nothing is bound there while it is not known whether the order stands.
 *
 * An order that the watch tells of while its victim is still seen is the engine's: it holds the room from then on. One that
 * it tells of later stays here until its room is free, for the engine may have given that room away in the meantime, to a
 * bind that is still on its way.
 */
export class UnseenOrders {
  readonly #store: ObjectStore;
  readonly #seen: Seen;
  /** Node → key → the order, and whether the server has answered that it stands. */
  readonly #byNode = new Map<string, Map<string, { order: Order; stands: boolean }>>();

  constructor(store: ObjectStore, seen: Seen) {
    this.#store = store;
    this.#seen = seen;
  }

  /** Before it is asked for: from then on it may come to be at any time. */
  ask(order: Order): void {
    const { key, nodeName } = order;
    const orders = this.#byNode.get(nodeName);
    if (orders === undefined) this.#byNode.set(nodeName, new Map([[key, { order, stands: false }]]));
    else if (!orders.has(key)) orders.set(key, { order, stands: false });
  }

  /** The server has it. */
  stands(order: Order): void {
    const known = this.#byNode.get(order.nodeName)?.get(order.key);
    if (known !== undefined) known.stands = true;
  }

  /** To be called with the key of each PodCheckpoint that the watch tells of. */
  told(key: string): void {
    for (const [nodeName, orders] of this.#byNode) {
      const known = orders.get(key);
      if (known !== undefined && this.#seen.victim(known.order)) this.#remove(key, nodeName);
    }
  }

  /** The server refused: it will never come to be. */
  refused({ key, nodeName }: Order): void {
    if (this.#byNode.get(nodeName)?.get(key)?.stands === false) this.#remove(key, nodeName);
  }

  /** The key of one whose room is not known to be free; undefined: none. Costs nothing while all victims are seen. */
  async holding(nodeName: string, signal: AbortSignal): Promise<string | undefined> {
    for (const [key, { order, stands }] of this.#byNode.get(nodeName) ?? []) {
      if (this.#seen.victim(order)) continue;
      if (!stands && !this.#seen.checkpoint(key)) return key;
      const checkpoint = await this.#current(key, signal);
      if (checkpoint !== undefined && isHolding(checkpoint)) return key;
      this.#remove(key, nodeName);
    }
    return undefined;
  }

  #remove(key: string, nodeName: string): void {
    const orders = this.#byNode.get(nodeName);
    orders?.delete(key);
    if (orders?.size === 0) this.#byNode.delete(nodeName);
  }

  async #current(key: string, signal: AbortSignal): Promise<PodCheckpoint | undefined> {
    const [namespace, name = ''] = key.split('/');
    try {
      return await this.#store.get(POD_CHECKPOINTS, { namespace, name }, { signal });
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}

function isHolding({ status }: PodCheckpoint): boolean {
  if (isConditionTrue(status?.conditions, 'Released')) return false;
  const ready = conditionOf(status?.conditions, 'Ready');
  return ready?.reason !== 'CheckpointFailed' && ready?.reason !== 'SourcePodReplaced';
}
