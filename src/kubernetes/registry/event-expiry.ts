import { EVENTS, type KubeEvent } from '../../model/index.ts';
import { collectionOf, type RegistryCore, type Upkeep } from './core.ts';
import type { Change } from './options.ts';

const EVENT_COLLECTION = collectionOf(EVENTS);
/** kube-apiserver's `--event-ttl`: an event goes one hour after it was last written. */
export const EVENT_TTL_MILLISECONDS = 3_600_000;

/** Forgets old events. It needs no timer: whoever writes anything, or reads events, lets it look. */
export class EventExpiry implements Upkeep {
  readonly #core: RegistryCore;
  /** In order of expiry; an event written again stands in it twice, and the later entry holds. */
  #queue: { key: string; resourceVersion: string; at: number }[] = [];
  #head = 0;

  constructor(core: RegistryCore) {
    this.#core = core;
  }

  observe({ type, collection, key, object, revision }: Change): void {
    if (collection !== EVENT_COLLECTION || type === 'DELETED') return;
    const now = this.#core.clock.now();
    const written = type === 'MODIFIED' ? now : Math.min(now, lastSeen(object as KubeEvent));
    this.#queue.push({ key, resourceVersion: String(revision), at: written + EVENT_TTL_MILLISECONDS });
  }

  isDue(): boolean {
    const next = this.#queue[this.#head];
    return next !== undefined && next.at <= this.#core.clock.now();
  }

  run(): void {
    for (; this.isDue(); this.#head++) {
      const next = this.#queue[this.#head];
      const event = next && this.#core.get(EVENT_COLLECTION, next.key);
      if (next !== undefined && event?.metadata.resourceVersion === next.resourceVersion) {
        this.#core.remove(EVENT_COLLECTION, next.key);
      }
    }
    if (this.#head > 1_000 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** After a restart the time of the last write is known only by what the event says of itself. */
function lastSeen(event: KubeEvent): number {
  const times = [
    event.metadata.creationTimestamp,
    event.lastTimestamp,
    event.eventTime,
    event.series?.lastObservedTime,
  ];
  const known = times.map((time) => (time ? Date.parse(time) : Number.NaN)).filter((time) => !Number.isNaN(time));
  return known.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...known);
}
