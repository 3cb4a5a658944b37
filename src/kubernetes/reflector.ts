import type { Clock, Random } from '../clock/index.ts';
import { FermataError, type KubeObject, type Log, type ResourceType, reasonOf } from '../model/index.ts';
import { isApiError } from './api-error.ts';
import { ReflectedObjects } from './reflected-objects.ts';
import type { ListOptions, ObjectStore } from './store.ts';

export interface ReflectorOptions<T> {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /**
   * The server need not know the kind (its CustomResourceDefinition may not be installed): it then counts as having no
   * objects until it does. Default: false; synced only once a list was read.
   */
  optional?: boolean;
  /**
   * An object is new (`previous` undefined) or changed. Those of the first list come page by page, before it is known whole.
   * Must not throw.
   */
  onChange?: (object: T, previous: T | undefined) => void;
  /** The object as it last was. Must not throw. */
  onDelete?: (object: T) => void;
  /** Once, after the first complete list was handed to `onChange`. */
  onSynced?: () => void;
}

/** Objects a page. With the 500 of client-go's pager 20,000 pods take a fifth longer: each page has its price for the server. */
const PAGE_SIZE = 1_000;
/** The first retry comes soon: most breaks are a server that restarts or a connection that was cut. */
const FIRST_RETRY_MILLISECONDS = 50;
const BASE_RETRY_MILLISECONDS = 100;
/** As client-go's: every node has several reflectors, and all of them knock at a server that is away. */
const LONGEST_RETRY_MILLISECONDS = 30_000;
/** A kind the server does not serve, and need not: somebody may install it some day. */
const LONGEST_MISSING_MILLISECONDS = 300_000;
/** A watch that ends sooner than this without an event counts as failed, so that a broken server is not hammered. */
const SHORTEST_WATCH_MILLISECONDS = 1_000;

/**
 * A local copy of a kind's objects, kept up by list and watch: goes on from the last resourceVersion after a break, lists
 * again when that is too old, and then tells the difference. Each change is handed on once, in order; a deletion that
 * happened unseen is still handed on.
 */
export class Reflector<T extends KubeObject> {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #type: ResourceType<T>;
  readonly #options: ReflectorOptions<T>;
  readonly #objects: ReflectedObjects<T>;
  readonly #synced = Promise.withResolvers<void>();
  #isSynced = false;
  /** Where the watch goes on; undefined: list first. */
  #resourceVersion: string | undefined;
  #failures = 0;
  #running: { abort: AbortController; done: Promise<void> } | undefined;

  constructor(
    parts: { store: ObjectStore; clock: Clock; random: Random; log: Log },
    type: ResourceType<T>,
    options: ReflectorOptions<T> = {},
  ) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#random = parts.random;
    this.#log = parts.log;
    this.#type = type;
    this.#options = options;
    this.#objects = new ReflectedObjects(options, (error, key) => {
      this.#log.error({ kind: type.kind, key, reason: reasonOf(error) }, 'a handler of the reflector threw');
    });
  }

  start(): void {
    if (this.#running !== undefined) return;
    const abort = new AbortController();
    this.#running = { abort, done: this.#run(abort.signal) };
  }

  /** Ends list and watch and waits until they are ended. What was seen stays readable. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.abort.abort(new FermataError('Stopped', `the reflector of ${this.#type.plural} was stopped`));
    await running.done;
    if (this.#running === running) this.#running = undefined;
  }

  /** Resolves once the first list is in; rejects with the signal's reason. */
  synced(signal?: AbortSignal): Promise<void> {
    if (signal === undefined || this.#isSynced) return this.#synced.promise;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener('abort', onAbort, { once: true });
      void this.#synced.promise.then(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      });
    });
  }

  /** By `keyOf(object)`. */
  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  items(): T[] {
    return this.#objects.items();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#list(signal);
        if (!signal.aborted) await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (isStale(error)) this.#resourceVersion = undefined;
        const isMissing = this.#options.optional === true && isApiError(error, 'NotFound');
        if (isMissing) this.#listed([]);
        await this.#pause(error, signal, isMissing ? LONGEST_MISSING_MILLISECONDS : LONGEST_RETRY_MILLISECONDS);
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const items: T[] = [];
    const { onChange: _change, onDelete: _delete, onSynced: _synced, optional: _, ...selection } = this.#options;
    let options: ListOptions = { ...selection, signal, limit: PAGE_SIZE };
    let page = await this.#store.list(this.#type, options);
    for (;;) {
      for (const item of page.items) items.push(item);
      if (page.continue === undefined || page.continue === '') break;
      options = { ...options, continue: page.continue };
      const handedOn = this.#isSynced ? undefined : this.#handOn(page.items, signal);
      [page] = await Promise.all([this.#store.list(this.#type, options), handedOn]);
    }
    signal.throwIfAborted();
    this.#resourceVersion = page.resourceVersion;
    this.#listed(items);
  }

  /** A page of the first list, while the server makes the next one: its request goes out before. */
  async #handOn(items: readonly T[], signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(0, signal);
    for (const item of items) this.#objects.put(item);
  }

  #listed(items: T[]): void {
    this.#objects.replaceAll(items);
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#synced.resolve();
    this.#options.onSynced?.();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { onChange: _change, onDelete: _delete, onSynced: _synced, optional: _, ...selection } = this.#options;
    const began = this.#clock.now();
    let events = 0;
    const resourceVersion = this.#resourceVersion ?? '';
    for await (const event of this.#store.watch(this.#type, { ...selection, resourceVersion, signal })) {
      if (signal.aborted) return;
      events++;
      this.#failures = 0;
      if (event.type === 'BOOKMARK') {
        this.#resourceVersion = event.resourceVersion;
        continue;
      }
      if (event.type === 'DELETED') this.#objects.remove(event.object);
      else this.#objects.put(event.object);
      this.#resourceVersion = event.object.metadata.resourceVersion;
    }
    if (signal.aborted) return;
    // Servers end watches after a while; going on at once is right then, and wrong when it ends again and again.
    if (events > 0 || this.#clock.now() - began >= SHORTEST_WATCH_MILLISECONDS) this.#failures = 0;
    else await this.#pause(new FermataError('WatchEnded', 'the watch ended as soon as it began'), signal);
  }

  async #pause(error: unknown, signal: AbortSignal, longest = LONGEST_RETRY_MILLISECONDS): Promise<void> {
    const full =
      this.#failures === 0
        ? FIRST_RETRY_MILLISECONDS
        : Math.min(longest, BASE_RETRY_MILLISECONDS * 2 ** (this.#failures - 1));
    this.#failures++;
    const wait = full * (0.75 + this.#random() / 2);
    const fields = { kind: this.#type.kind, failures: this.#failures, retryInMilliseconds: Math.round(wait) };
    const relist = this.#resourceVersion === undefined;
    this.#log.debug({ ...fields, relist, reason: reasonOf(error) }, 'list or watch broke off and is taken up again');
    try {
      await this.#clock.sleep(wait, signal);
    } catch (interruption) {
      if (!signal.aborted) throw interruption;
    }
  }
}

/** Whether only a new list helps: the server has forgotten that far back, or never was that far (restored from a backup). */
function isStale(error: unknown): boolean {
  if (isApiError(error, 'Expired', 'Gone')) return true;
  return isApiError(error, 'Timeout', 'BadRequest') && /resource ?version/i.test(error.message);
}
