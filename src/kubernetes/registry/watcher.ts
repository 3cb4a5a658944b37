import type { KubeObject, ResourceType } from '../../model/index.ts';
import type { WatchEvent } from '../store.ts';
import type { Collection } from './collection.ts';
import type { Kind } from './kinds.ts';
import type { Ledger } from './ledger.ts';
import type { Change } from './options.ts';
import { expired } from './refusals.ts';
import { presented, type Selection } from './selection.ts';

export interface WatcherOptions<T extends KubeObject> {
  kind: Kind<T>;
  selection: Selection;
  /** Changes after this revision are sent. */
  revision: number;
  /** Sent first, as ADDED. */
  initial: readonly T[];
  /** Whether a bookmark marks the end of `initial`. */
  markInitialEnd: boolean;
  bookmarks: boolean;
  signal: AbortSignal | undefined;
  onClose: (watcher: Watcher<T>) => void;
}

type Next<T> = IteratorResult<WatchEvent<T>, undefined>;

/**
 * One watch. It buffers nothing: it reads the collection's change log at its own pace, so a slow reader costs no memory,
 * and one that falls behind the history that is kept is cut with Expired.
 */
export class Watcher<T extends KubeObject> implements AsyncIterableIterator<WatchEvent<T>, undefined> {
  readonly #ledger: Ledger;
  readonly #collection: Collection;
  readonly #options: WatcherOptions<T>;
  #initialSent = 0;
  #initialEndDue: boolean;
  #position: number;
  #seen: number;
  #closed = false;
  #finishing = false;
  #pending: { resolve: (next: Next<T>) => void; reject: (error: unknown) => void } | undefined;
  readonly #wake = (): void => this.#serve();
  readonly #end = (): void => this.close();

  constructor(ledger: Ledger, collection: Collection, options: WatcherOptions<T>) {
    this.#ledger = ledger;
    this.#collection = collection;
    this.#options = options;
    this.#initialEndDue = options.markInitialEnd;
    this.#seen = options.revision;
    this.#position = collection.changes.search((change) => change.revision > options.revision);
    collection.waiting.add(this.#wake);
    if (options.signal?.aborted) this.close();
    else options.signal?.addEventListener('abort', this.#end, { once: true });
  }

  get type(): ResourceType<T> {
    return this.#options.kind.type;
  }

  get closed(): boolean {
    return this.#closed;
  }

  next(): Promise<Next<T>> {
    if (this.#pending !== undefined) {
      return Promise.reject(new TypeError('a watch is read by one reader, one event after the other'));
    }
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#serve();
    });
  }

  return(): Promise<Next<T>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the watch; a reader that waits sees a quiet end. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#collection.waiting.delete(this.#wake);
    this.#options.signal?.removeEventListener('abort', this.#end);
    this.#options.onClose(this);
    this.#serve();
  }

  /** Ends the watch once its reader has seen what there is. */
  finish(): void {
    this.#finishing = true;
    this.#serve();
  }

  /** Tells a reader that waits, and so has seen everything, up to which revision that is. */
  bookmark(): void {
    if (this.#pending === undefined || !this.#options.bookmarks) return;
    this.#resolve({ type: 'BOOKMARK', resourceVersion: String(this.#ledger.revision) });
  }

  #serve(): void {
    if (this.#pending === undefined) return;
    if (this.#closed) {
      this.#pending.resolve({ done: true, value: undefined });
      this.#pending = undefined;
      return;
    }
    const event = this.#initialEvent();
    if (event !== undefined) {
      this.#resolve(event);
      return;
    }
    this.#serveChange();
  }

  #initialEvent(): WatchEvent<T> | undefined {
    const { initial, revision } = this.#options;
    const object = initial[this.#initialSent];
    if (object !== undefined) {
      this.#initialSent++;
      return { type: 'ADDED', object };
    }
    if (!this.#initialEndDue) return undefined;
    this.#initialEndDue = false;
    return { type: 'BOOKMARK', resourceVersion: String(revision), initialEventsEnd: true };
  }

  #serveChange(): void {
    const { changes } = this.#collection;
    while (this.#position < changes.end) {
      const change = changes.at(this.#position);
      if (change === undefined) {
        const pending = this.#pending;
        this.#pending = undefined;
        this.close();
        pending?.reject(expired(this.#seen, this.#ledger.compacted));
        return;
      }
      this.#position++;
      this.#seen = change.revision;
      const event = this.#eventOf(change);
      if (event !== undefined) {
        this.#resolve(event);
        return;
      }
    }
    if (this.#finishing) this.close();
  }

  /** The change as this watch sees it: with a selector, objects come and go as they start and stop to match. */
  #eventOf(change: Change): WatchEvent<T> | undefined {
    const { kind, selection } = this.#options;
    const matches = change.type !== 'DELETED' && selection.matches(change.object);
    const matched = change.previous !== undefined && selection.matches(change.previous);
    if (matches) return { type: matched ? 'MODIFIED' : 'ADDED', object: presented(kind, change.object) };
    if (!matched || change.previous === undefined) return undefined;
    // As in Kubernetes: the object as it was while it matched, with the revision at which it ceased to.
    const { resourceVersion } = change.object.metadata;
    const last =
      change.type === 'DELETED'
        ? change.object
        : Object.freeze({
            ...change.previous,
            metadata: Object.freeze({ ...change.previous.metadata, resourceVersion }),
          });
    return { type: 'DELETED', object: presented(kind, last) };
  }

  #resolve(value: WatchEvent<T>): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve({ done: false, value });
  }
}
