import type { Random } from '../clock/index.ts';
import type { Draft, KubeObject, ResourceType } from '../model/index.ts';
import { ApiError } from './api-error.ts';
import type {
  BindablePod,
  CallOptions,
  DeleteOptions,
  ListOptions,
  ObjectKey,
  ObjectList,
  ObjectStore,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './store.ts';

/** How likely each fault is at each opportunity, from 0 to 1. Default 0. */
export interface FaultRates {
  /** A call fails before it reaches the store. */
  unreachable: number;
  /** A write happens, but its answer is lost. */
  lostAnswer: number;
  /** A write is refused as if somebody else had written meanwhile. */
  conflict: number;
  /** A watch is broken off before an event; what it would have told is not lost, for whoever goes on from its version. */
  dropWatch: number;
  /** A watch ends before an event without saying why, as when the server's time for it is up. */
  endWatch: number;
  /** A watch, or the next page of a list, is refused because history was compacted. */
  expired: number;
  /** A watch brings something that is no event. */
  garbage: number;
}

/** An object store with the faults a network and a busy server have, by chance of the given randomness. */
export class FaultyStore implements ObjectStore {
  /** May be changed at any time. */
  rates: Partial<FaultRates>;
  readonly #store: ObjectStore;
  readonly #random: Random;

  constructor(parts: { store: ObjectStore; random: Random }, rates: Partial<FaultRates> = {}) {
    this.#store = parts.store;
    this.#random = parts.random;
    this.rates = rates;
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: CallOptions): Promise<T> {
    return this.#read(() => this.#store.get(type, key, options));
  }

  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<ObjectList<T>> {
    return this.#read(() => {
      if (options?.continue !== undefined) this.#mayExpire();
      return this.#store.list(type, options);
    });
  }

  async *watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    this.#mayFail('unreachable');
    this.#mayExpire();
    for await (const event of this.#store.watch(type, options)) {
      this.#mayFail('dropWatch');
      if (this.#happens('garbage'))
        throw new ApiError('Unknown', 'the server sent a watch event that is no JSON: {"ty');
      if (this.#happens('endWatch')) return;
      yield event;
    }
  }

  create<T extends KubeObject>(type: ResourceType<T>, object: Draft<T>, options?: CallOptions): Promise<T> {
    return this.#write(() => this.#store.create(type, object, options));
  }

  replace<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T> {
    return this.#write(() => {
      this.#mayConflict();
      return this.#store.replace(type, object, options);
    });
  }

  patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: object,
    options?: WriteOptions,
  ): Promise<T> {
    return this.#write(() => {
      this.#mayConflict();
      return this.#store.patch(type, key, patch, options);
    });
  }

  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: DeleteOptions): Promise<T> {
    return this.#write(() => this.#store.delete(type, key, options));
  }

  bind(pod: BindablePod, nodeName: string, options?: CallOptions): Promise<void> {
    return this.#write(() => this.#store.bind(pod, nodeName, options));
  }

  async #read<R>(call: () => Promise<R>): Promise<R> {
    this.#mayFail('unreachable');
    return call();
  }

  async #write<R>(call: () => Promise<R>): Promise<R> {
    this.#mayFail('unreachable');
    const result = await call();
    this.#mayFail('lostAnswer');
    return result;
  }

  #happens(fault: keyof FaultRates): boolean {
    const rate = this.rates[fault] ?? 0;
    // No number is drawn for a fault that never happens, so that adding one changes no other run.
    return rate > 0 && this.#random() < rate;
  }

  #mayFail(fault: 'unreachable' | 'lostAnswer' | 'dropWatch'): void {
    if (this.#happens(fault)) throw new ApiError('ServiceUnavailable', `injected fault: ${fault}`, { status: 0 });
  }

  #mayConflict(): void {
    if (this.#happens('conflict')) throw new ApiError('Conflict', 'injected fault: the object has been modified');
  }

  #mayExpire(): void {
    if (this.#happens('expired')) throw new ApiError('Expired', 'injected fault: too old resource version');
  }
}
