import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { conditionOf, isConditionTrue, POD_CHECKPOINTS, type PodCheckpoint } from '../../model/index.ts';

/**
 * PodCheckpoints that this scheduler created and its watch has not told of yet. A watch can stall for so long that the
 * victim is seen to vanish before the order to stop it is seen: the room then looks free, though nobody has confirmed it.
 * As long as there are such orders on a node, the server itself is asked before anything is bound there.
 */
export class UnseenOrders {
  readonly #store: ObjectStore;
  readonly #isSeen: (key: string) => boolean;
  /** Node → keys (`namespace/name`). */
  readonly #byNode = new Map<string, Set<string>>();

  /** @param isSeen whether the watch has told of the PodCheckpoint with that key; from then on the engine holds its room */
  constructor(store: ObjectStore, isSeen: (key: string) => boolean) {
    this.#store = store;
    this.#isSeen = isSeen;
  }

  add(key: string, nodeName: string): void {
    if (this.#isSeen(key)) return;
    const keys = this.#byNode.get(nodeName);
    if (keys === undefined) this.#byNode.set(nodeName, new Set([key]));
    else keys.add(key);
  }

  /** The key of one whose room is not known to be free; undefined: none. Costs nothing while all orders were seen. */
  async holding(nodeName: string, signal: AbortSignal): Promise<string | undefined> {
    const keys = this.#byNode.get(nodeName);
    for (const key of keys ?? []) {
      if (!this.#isSeen(key)) {
        const checkpoint = await this.#current(key, signal);
        if (checkpoint !== undefined && isHolding(checkpoint)) return key;
      }
      keys?.delete(key);
    }
    if (keys?.size === 0) this.#byNode.delete(nodeName);
    return undefined;
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
