import type { Draft, KubeObject, ResourceType } from '../model/index.ts';

/**
 * Where objects live: the Kubernetes API as controllers, agent and scheduler see it. Implementations: the in-process
 * registry (`registry/`), and the HTTP client of a real API server. One compliance suite (`store-compliance.ts`) holds
 * for all of them. Every method throws {@link ApiError} with Kubernetes' own reasons, and rejects with the signal's
 * reason when aborted. Objects that come out may be shared and frozen: make a new one instead of altering one.
 */
export interface ObjectStore {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: CallOptions): Promise<T>;
  /** One page when `limit` is given (go on with `continue`), else everything. */
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<ObjectList<T>>;
  /**
   * Changes after `resourceVersion`, in order, until aborted (ends quietly) or broken off by the server (throws;
   * `Expired`, code 410, means: list again). BOOKMARK objects carry only a resourceVersion.
   */
  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Throws AlreadyExists, Invalid, NotFound (namespace), Forbidden. */
  create<T extends KubeObject>(type: ResourceType<T>, object: Draft<T>, options?: CallOptions): Promise<T>;
  /** Replaces the object; Conflict when its `metadata.resourceVersion` is set and not the current one. */
  replace<T extends KubeObject>(type: ResourceType<T>, object: T, options?: WriteOptions): Promise<T>;
  /**
   * JSON merge patch (RFC 7386). A `metadata.resourceVersion` in the patch, or a `metadata.uid`, is a precondition
   * (Conflict when it does not hold).
   */
  patch<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, patch: object, options?: WriteOptions): Promise<T>;
  /**
   * Asks for deletion. Objects with finalizers, and pods with a grace period, stay with a `deletionTimestamp`; the
   * object as it then is comes back. Throws NotFound, or Conflict when a precondition does not hold.
   */
  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: DeleteOptions): Promise<T>;
  /**
   * Binds a pod to a node (`pods/binding`). Conflict when it is bound already, `uid` is not its UID, or `resourceVersion`
   * is given and not its current one.
   */
  bind(pod: BindablePod, nodeName: string, options?: CallOptions): Promise<void>;
}

export interface ObjectKey {
  /** Absent for cluster-wide kinds. */
  namespace?: string | undefined;
  name: string;
}

export interface BindablePod extends ObjectKey {
  uid: string;
  resourceVersion?: string;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface ListOptions extends CallOptions {
  /** Absent: all namespaces. */
  namespace?: string;
  /** Kubernetes' selector syntax, e.g. `app=web,tier in (a,b)`. */
  labelSelector?: string;
  /** e.g. `spec.nodeName=n1,status.phase!=Failed`. */
  fieldSelector?: string;
  limit?: number;
  continue?: string;
}

export interface ObjectList<T> {
  items: T[];
  /** Where a watch can go on from. */
  resourceVersion: string;
  continue?: string;
}

export interface WatchOptions extends CallOptions {
  resourceVersion: string;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export type WatchEvent<T> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: T }
  /** `initialEventsEnd`: what was asked for with `sendInitialEvents` is complete (KEP-3157). */
  | { type: 'BOOKMARK'; resourceVersion: string; initialEventsEnd?: true };

export interface WriteOptions extends CallOptions {
  /** `status`: only `.status` is written. Absent: everything but `.status`. */
  subresource?: 'status';
}

export interface DeleteOptions extends CallOptions {
  uid?: string;
  resourceVersion?: string;
  /** Pods only; 0 removes the object at once. Default: the pod's `terminationGracePeriodSeconds`. */
  gracePeriodSeconds?: number;
}

/** Kubernetes' `Status.reason`s that this project meets or produces. */
export type ApiReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Expired'
  | 'UnsupportedMediaType'
  | 'RequestEntityTooLarge'
  | 'Invalid'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'Timeout'
  | 'Unknown';
