import type { Draft, KubeObject, ResourceType } from '../../model/index.ts';
import { isApiError } from '../api-error.ts';
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
} from '../store.ts';
import type { CurrentTerm } from './term.ts';

/**
 * The store as a leader has it: writes are sent only while the term lasts (else NotLeader, before anything is sent), and
 * those under way are cancelled when it ends. Reads always pass.
 */
export class FencedStore implements ObjectStore {
  readonly #store: ObjectStore;
  readonly #term: CurrentTerm;

  constructor(store: ObjectStore, term: CurrentTerm) {
    this.#store = store;
    this.#term = term;
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: CallOptions): Promise<T> {
    return this.#store.get(type, key, options);
  }

  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<ObjectList<T>> {
    return this.#store.list(type, options);
  }

  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    return this.#store.watch(type, options);
  }

  create<T extends KubeObject>(type: ResourceType<T>, object: Draft<T>, options?: CallOptions): Promise<T> {
    return this.#write(options, (own) => this.#store.create(type, object, own));
  }

  replace<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T> {
    return this.#write(options, (own) => this.#store.replace(type, object, own));
  }

  patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: object,
    options?: WriteOptions,
  ): Promise<T> {
    return this.#write(options, (own) => this.#store.patch(type, key, patch, own));
  }

  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: DeleteOptions): Promise<T> {
    return this.#write(options, (own) => this.#store.delete(type, key, own));
  }

  bind(pod: BindablePod, nodeName: string, options?: CallOptions): Promise<void> {
    return this.#write(options, (own) => this.#store.bind(pod, nodeName, own));
  }

  async #write<O extends CallOptions, R>(
    options: O | undefined,
    send: (options: O & { signal: AbortSignal }) => Promise<R>,
  ): Promise<R> {
    const term = this.#term;
    options?.signal?.throwIfAborted();
    term.assertCurrent();
    const signal = options?.signal === undefined ? term.signal : AbortSignal.any([options.signal, term.signal]);
    try {
      return await send({ ...options, signal } as O & { signal: AbortSignal });
    } catch (error) {
      if (!isRefusal(error)) term.unanswered();
      throw error;
    }
  }
}

/** The server said no. Anything else (no answer, an abort, a timeout of the server's) may still come to pass. */
function isRefusal(error: unknown): boolean {
  return isApiError(error) && error.status >= 400 && error.status < 500;
}
