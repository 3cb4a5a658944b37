import type { Clock } from '../../clock/index.ts';
import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { PODS, type Pod, reasonOf } from '../../model/index.ts';
import type { PodRef } from '../../scheduling/index.ts';
import { isDefinite } from './definite-refusal.ts';

/** Between two tries of a bind whose answer never came: the write may have happened, so it must be found out. */
const UNCERTAIN_BIND_RETRY_MILLISECONDS = 100;
const LONGEST_RETRY_AFTER_SECONDS = 30;

/**
 * Binds pods by UID and resourceVersion: a bind that arrives late, after the pod was written to by anybody, is refused. That
 * is how a leader makes sure that no bind of the one before it comes through any more ({@link fencePods}).
 */
export class PodBinder {
  readonly #store: ObjectStore;
  readonly #clock: Clock;

  constructor(parts: { store: ObjectStore; clock: Clock }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  /**
   * @param seen the pod as last seen
   * @param holdsRoom asked before each try; what it gives is why the room is not free
   * @returns undefined when bound, else why not. Throws the signal's reason.
   */
  async bind(
    pod: PodRef,
    nodeName: string,
    parts: {
      seen: Pod | undefined;
      holdsRoom: () => Promise<string | undefined>;
      signal: AbortSignal;
    },
  ): Promise<string | undefined> {
    const { seen, holdsRoom, signal } = parts;
    let resourceVersion = seen?.metadata.uid === pod.uid ? seen.metadata.resourceVersion : undefined;
    for (;;) {
      try {
        const held = await holdsRoom();
        if (held !== undefined) return held;
        const precondition = resourceVersion === undefined ? {} : { resourceVersion };
        await this.#store.bind({ ...pod, ...precondition }, nodeName, { signal });
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        if (isApiError(error, 'Conflict')) {
          const current = await this.#current(pod, signal);
          if (current?.metadata.uid !== pod.uid) return reasonOf(error);
          if (current.spec.nodeName === nodeName) return undefined;
          // Somebody wrote to it, perhaps this scheduler itself; that it is to go there still holds.
          const isBindable = !current.spec.nodeName && current.metadata.deletionTimestamp === undefined;
          const isChanged = current.metadata.resourceVersion !== resourceVersion;
          if (!isBindable || !isChanged) return reasonOf(error);
          resourceVersion = current.metadata.resourceVersion;
          continue;
        }
        if (isDefinite(error)) return reasonOf(error);
        await this.#clock.sleep(patience(error), signal);
      }
    }
  }

  /** Undefined: there is none. */
  async #current(pod: PodRef, signal: AbortSignal): Promise<Pod | undefined> {
    for (;;) {
      try {
        return await this.#store.get(PODS, pod, { signal });
      } catch (error) {
        signal.throwIfAborted();
        if (isDefinite(error)) return undefined;
        await this.#clock.sleep(patience(error), signal);
      }
    }
  }
}

/** As long as a server that is too busy asks for (it has done nothing then), else not long. */
function patience(error: unknown): number {
  const asked = isApiError(error, 'TooManyRequests') ? (error.details?.retryAfterSeconds ?? 1) : 0;
  return Math.max(UNCERTAIN_BIND_RETRY_MILLISECONDS, Math.min(asked, LONGEST_RETRY_AFTER_SECONDS) * 1_000);
}
