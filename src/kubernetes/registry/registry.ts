import { type Clock, type Random, rfc3339 } from '../../clock/index.ts';
import {
  type Condition,
  type Draft,
  isTerminal,
  type KubeObject,
  NAMESPACES,
  PODS,
  type Pod,
  PRIORITY_CLASSES,
  type ResourceType,
  SERVICE_ACCOUNTS,
  withCondition,
} from '../../model/index.ts';
import type { BindablePod, CallOptions, ObjectKey, ObjectStore, WatchEvent } from '../store.ts';
import { Admission } from './admission.ts';
import type { Backing } from './backing.ts';
import { collectionOf, RegistryCore } from './core.ts';
import { CustomKinds } from './custom-kinds.ts';
import { DisruptionBudgets } from './disruption-budgets.ts';
import { EventExpiry } from './event-expiry.ts';
import { GarbageCollector } from './garbage-collector.ts';
import { type KindRegistry, ServedKinds } from './kinds.ts';
import { type HistoryLimits, Ledger } from './ledger.ts';
import { mergePatch } from './merge-patch.ts';
import { modelKinds } from './model-kinds.ts';
import { INITIAL_NAMESPACES, NamespaceLifecycle } from './namespace-lifecycle.ts';
import { ObjectReader } from './object-reader.ts';
import { ObjectWriter } from './object-writer.ts';
import type {
  Change,
  RegistryDeleteOptions,
  RegistryList,
  RegistryListOptions,
  RegistryWatchOptions,
  RegistryWriteOptions,
} from './options.ts';
import { SYSTEM_PRIORITY_CLASSES } from './priority.ts';

/** As kube-apiserver words it. */
const EVICTED: Condition = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'EvictionByEvictionAPI',
  message: 'Eviction API: evicting',
};

/** Kubernetes sends a bookmark about once a minute. */
const BOOKMARK_EVERY_MILLISECONDS = 60_000;

/**
 * The semantics of a Kubernetes API server without its transport. All objects handed out are deeply frozen and shared:
 * make a new object instead of altering one. Everything a call does happens synchronously inside the call, including
 * what controllers of a real cluster would do a moment later (garbage collection, emptying of namespaces, disruption
 * budgets, service accounts), so that a run under a virtual clock is deterministic; promises only make it an
 * {@link ObjectStore}.
 */
export class Registry implements ObjectStore {
  /** What is served just now; changes with CustomResourceDefinitions. */
  readonly kinds: ServedKinds;
  readonly #core: RegistryCore;
  readonly #reader: ObjectReader;
  readonly #writer: ObjectWriter;
  readonly #budgets: DisruptionBudgets;
  #lastBookmark: number;

  /**
   * @param parts.kinds built-in kinds; default: all of `src/model`
   * @param options.history how far back watches can go on; default: 10,000 changes, or more when younger than 5 minutes
   */
  constructor(
    parts: { backing: Backing; clock: Clock; random: Random; kinds?: KindRegistry },
    options: { history?: Partial<HistoryLimits> } = {},
  ) {
    const { backing, clock, random } = parts;
    this.kinds = new ServedKinds(parts.kinds ?? modelKinds());
    this.#core = new RegistryCore({
      ledger: new Ledger({ backing, clock }, options.history),
      clock,
      kinds: this.kinds,
    });
    this.#reader = new ObjectReader(this.#core);
    this.#budgets = new DisruptionBudgets(this.#core);
    const collector = new GarbageCollector(this.#core);
    const customKinds = new CustomKinds(this.#core);
    const namespaces = new NamespaceLifecycle(this.#core, {
      createServiceAccount: (namespace) => this.#ensure(SERVICE_ACCOUNTS, { metadata: { namespace, name: 'default' } }),
      isNamespaced: (collection) =>
        this.kinds.list().some(({ type }) => type.namespaced && collectionOf(type) === collection),
    });
    this.#writer = new ObjectWriter(this.#core, {
      reader: this.#reader,
      admission: new Admission(this.#core, { namespaces, customKinds }),
      namespaces,
      collector,
      random,
    });
    this.#core.add(customKinds, namespaces, collector, this.#budgets, new EventExpiry(this.#core));
    this.#lastBookmark = clock.now();
    this.#core.resume();
    for (const name of INITIAL_NAMESPACES) this.#ensure(NAMESPACES, { metadata: { name } });
    for (const draft of SYSTEM_PRIORITY_CLASSES) this.#ensure(PRIORITY_CLASSES, draft);
    this.#core.settle();
  }

  /** The last revision, as a resourceVersion. */
  get resourceVersion(): string {
    return String(this.#core.ledger.revision);
  }

  /** Why garbage collection and its like could not finish the last time; undefined when they could. For health checks. */
  get upkeepError(): unknown {
    return this.#core.upkeepError;
  }

  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options: CallOptions = {}): Promise<T> {
    return this.#call(options, () => this.#reader.get(type, key));
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: RegistryListOptions = {}): Promise<RegistryList<T>> {
    return this.#call(options, () => this.#reader.list(type, options));
  }

  /** Begins when it is iterated; a refusal (Expired, BadRequest, NotFound) comes out there. */
  watch<T extends KubeObject>(type: ResourceType<T>, options: RegistryWatchOptions): AsyncIterable<WatchEvent<T>> {
    return {
      [Symbol.asyncIterator]: () => {
        try {
          return this.#reader.watch(type, options);
        } catch (error) {
          return { next: () => Promise.reject(error) };
        }
      },
    };
  }

  async create<T extends KubeObject>(
    type: ResourceType<T>,
    object: Draft<T>,
    options: RegistryWriteOptions = {},
  ): Promise<T> {
    return this.#call(options, () => this.#writer.create(type, object, options));
  }

  async replace<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options: RegistryWriteOptions = {},
  ): Promise<T> {
    return this.#call(options, () => this.#writer.update(type, object.metadata, () => object, options));
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: object,
    options: RegistryWriteOptions = {},
  ): Promise<T> {
    return this.#call(options, () =>
      this.#writer.update(type, key, (current) => mergePatch(current, patch) as T, options),
    );
  }

  /**
   * Reads, lets `change` make the next object of the current (frozen) one, and writes it, in one atomic step: what a
   * JSON or strategic merge patch or an apply needs. When the returned object carries a `metadata.resourceVersion` or
   * `metadata.uid` other than the current one, that is a Conflict. What `change` throws comes out unchanged.
   */
  async update<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    change: (current: T) => T,
    options: RegistryWriteOptions = {},
  ): Promise<T> {
    return this.#call(options, () => this.#writer.update(type, key, change, options));
  }

  async delete<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    options: RegistryDeleteOptions = {},
  ): Promise<T> {
    return this.#call(options, () => this.#writer.delete(type, key, options));
  }

  async bind(pod: BindablePod, nodeName: string, options: CallOptions = {}): Promise<void> {
    return this.#call(options, () => this.#writer.bind(pod, nodeName));
  }

  /**
   * Evicts a pod (`pods/eviction`): deletes it unless that would violate a PodDisruptionBudget (then TooManyRequests
   * with `details.retryAfterSeconds`), and marks it before, so that it is told from one its owner deleted (KEP-3329). Gives
   * the pod as it then is.
   */
  async evict(key: ObjectKey, options: RegistryDeleteOptions = {}): Promise<Pod> {
    return this.#call(options, () => {
      const pod = this.#reader.get(PODS, key);
      this.#budgets.admitEviction(pod);
      if (!isTerminal(pod)) {
        const conditions = withCondition(pod.status?.conditions, EVICTED, rfc3339(this.#core.clock.now()));
        const marked = (current: Pod): Pod => ({ ...current, status: { ...current.status, conditions } });
        const dryRun = options.dryRun === undefined ? {} : { dryRun: options.dryRun };
        this.#writer.update(PODS, key, marked, { subresource: 'status', ...dryRun });
      }
      return this.#writer.delete(PODS, key, options);
    });
  }

  /** Calls `listener` synchronously after each committed write, in order; it must not throw. Returns what ends that. */
  subscribe(listener: (change: Change) => void): () => void {
    return this.#core.ledger.subscribe(listener);
  }

  /** Ends all watches (quietly) and closes the backing. */
  close(): void {
    this.#reader.close();
    this.#core.ledger.close();
  }

  #call<R>(options: CallOptions, act: () => R): R {
    options.signal?.throwIfAborted();
    this.#core.settle();
    try {
      return act();
    } finally {
      this.#core.settle();
      const now = this.#core.clock.now();
      if (now - this.#lastBookmark >= BOOKMARK_EVERY_MILLISECONDS) {
        this.#lastBookmark = now;
        this.#reader.bookmark();
      }
    }
  }

  #ensure<T extends KubeObject>(type: ResourceType<T>, draft: Draft<T>): void {
    if (this.kinds.of(type) === undefined) return;
    const { namespace, name = '' } = draft.metadata;
    const key = namespace === undefined ? name : `${namespace}/${name}`;
    // It may be there from before.
    if (this.#core.get(collectionOf(type), key) === undefined) this.#writer.create(type, draft, {});
  }
}
