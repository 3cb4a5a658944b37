import type { Clock, Random } from '../../clock/index.ts';
import type { Draft, KubeObject, Pod, ResourceType } from '../../model/index.ts';
import { ApiError } from '../api-error.ts';
import type {
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
import type { Backing } from './backing.ts';
import { type KindRegistry, ServedKinds } from './kinds.ts';
import type {
  Change,
  RegistryDeleteOptions,
  RegistryList,
  RegistryListOptions,
  RegistryWatchOptions,
  RegistryWriteOptions,
} from './options.ts';

/**
 * The semantics of a Kubernetes API server without its transport. All objects handed out are deeply frozen and shared:
 * make a new object instead of altering one. Everything a call does happens synchronously inside the call, so that a
 * run under a virtual clock is deterministic; promises only make it an {@link ObjectStore}.
 */
export class Registry implements ObjectStore {
  /** What is served just now; changes with CustomResourceDefinitions. */
  readonly kinds: ServedKinds;

  constructor(_parts: { backing: Backing; clock: Clock; random: Random; kinds?: KindRegistry }) {
    this.kinds = new ServedKinds({ list: () => [] });
  }

  /** The last revision, as a resourceVersion. */
  get resourceVersion(): string {
    return notYet();
  }

  get<T extends KubeObject>(_type: ResourceType<T>, _key: ObjectKey, _options?: CallOptions): Promise<T> {
    return notYet();
  }

  list<T extends KubeObject>(
    _type: ResourceType<T>,
    _options?: ListOptions & RegistryListOptions,
  ): Promise<ObjectList<T> & RegistryList<T>> {
    return notYet();
  }

  watch<T extends KubeObject>(
    _type: ResourceType<T>,
    _options: WatchOptions & RegistryWatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    return notYet();
  }

  create<T extends KubeObject>(
    _type: ResourceType<T>,
    _object: Draft<T>,
    _options?: CallOptions & RegistryWriteOptions,
  ): Promise<T> {
    return notYet();
  }

  replace<T extends KubeObject>(
    _type: ResourceType<T>,
    _object: T,
    _options?: WriteOptions & RegistryWriteOptions,
  ): Promise<T> {
    return notYet();
  }

  patch<T extends KubeObject>(
    _type: ResourceType<T>,
    _key: ObjectKey,
    _patch: object,
    _options?: WriteOptions & RegistryWriteOptions,
  ): Promise<T> {
    return notYet();
  }

  /**
   * Reads, lets `change` make the next object of the current (frozen) one, and writes it, in one atomic step: what a
   * JSON or strategic merge patch or an apply needs. When the returned object carries a `metadata.resourceVersion` or
   * `metadata.uid` other than the current one, that is a Conflict. What `change` throws comes out unchanged.
   */
  update<T extends KubeObject>(
    _type: ResourceType<T>,
    _key: ObjectKey,
    _change: (current: T) => T,
    _options?: RegistryWriteOptions,
  ): Promise<T> {
    return notYet();
  }

  delete<T extends KubeObject>(
    _type: ResourceType<T>,
    _key: ObjectKey,
    _options?: DeleteOptions & RegistryDeleteOptions,
  ): Promise<T> {
    return notYet();
  }

  bind(_pod: ObjectKey & { uid: string }, _nodeName: string, _options?: CallOptions): Promise<void> {
    return notYet();
  }

  /**
   * Evicts a pod (`pods/eviction`): deletes it unless that would violate a PodDisruptionBudget (then TooManyRequests
   * with `details.retryAfterSeconds`). Gives the pod as it then is.
   */
  evict(_key: ObjectKey, _options?: RegistryDeleteOptions): Promise<Pod> {
    return notYet();
  }

  /** Calls `listener` synchronously after each committed write, in order. Returns what ends that. */
  subscribe(_listener: (change: Change) => void): () => void {
    return notYet();
  }

  /** Ends all watches (quietly) and closes the backing. */
  close(): void {}
}

function notYet(): never {
  throw new ApiError('ServiceUnavailable', 'the registry is not finished');
}
