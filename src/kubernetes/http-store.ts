import { randomInt } from 'node:crypto';
import { type Clock, type Random, SystemClock } from '../clock/index.ts';
import {
  apiVersionOf,
  type Draft,
  EVENTS,
  type KubeObject,
  LEASES,
  POD_CHECKPOINTS,
  PODS,
  type ResourceType,
} from '../model/index.ts';
import { ApiError, isApiError } from './api-error.ts';
import { HttpTransport } from './http-transport.ts';
import { jsonLines } from './json-lines.ts';
import type { ClusterAccess } from './kubeconfig.ts';
import type { RequestLimits, RequestPriority } from './request-gate.ts';
import { collectionPath, objectPath } from './resource-path.ts';
import { ServedVersions } from './served-versions.ts';
import { statusError } from './status-error.ts';
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

/** The server ends a watch after this long, so that dead connections are found; jittered, so that not all end at once. */
const WATCH_SECONDS = { least: 300, most: 600 };
/** How much longer a watch may stay silent than the server said it would live. */
const WATCH_SLACK_MILLISECONDS = 30_000;

export interface HttpStoreOptions {
  /** Default `fermata`. */
  userAgent?: string;
  /** Of this client's requests; default: 128 at once, and as many a second as there are. */
  limits?: RequestLimits;
  /** Told of every answer, with its HTTP status; 0: there was none. */
  onAnswer?: (method: string, code: number) => void;
  /** For waits the server asks for. Default: the machine's. */
  clock?: Clock;
  /** For the lifetimes of watches. Default: the machine's. */
  random?: Random;
}

export interface ServerVersion {
  major: number;
  minor: number;
}

/** Scheduling gates are on since 1.27 (beta; KEP-3521); a server before that drops the field. */
export function keepsSchedulingGates({ major, minor }: ServerVersion): boolean {
  return major > 1 || minor >= 27;
}

/** A real Kubernetes API, over HTTP. Of an object that a delete removed at once, only names and UID are sure to come back. */
export class HttpStore implements ObjectStore {
  readonly #transport: HttpTransport;
  readonly #random: Random;
  readonly #served = new ServedVersions();

  constructor(access: ClusterAccess, options: HttpStoreOptions = {}) {
    const { userAgent = 'fermata', clock = new SystemClock() } = options;
    const { limits, onAnswer } = options;
    this.#transport = new HttpTransport(access, {
      clock,
      userAgent,
      ...(limits === undefined ? {} : { limits }),
      ...(onAnswer === undefined ? {} : { onAnswer }),
    });
    this.#random = options.random ?? (() => randomInt(2 ** 32) / 2 ** 32);
  }

  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options: CallOptions = {}): Promise<T> {
    const priority = type.kind === LEASES.kind ? 'vital' : 'normal';
    return this.#object(type, { method: 'GET', path: objectPath(type, key), signal: options.signal, priority });
  }

  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { namespace, signal, labelSelector, fieldSelector, limit, continue: token } = options;
    const served = this.#served.of(type);
    const path = collectionPath(served, namespace);
    const query = { labelSelector, fieldSelector, limit, continue: token };
    let body: unknown;
    try {
      body = await this.#transport.json({ method: 'GET', path, query, signal });
    } catch (error) {
      if (isApiError(error, 'NotFound') && this.#served.isMissing(type)) return this.list(type, options);
      throw error;
    }
    const { items, metadata } = body as {
      items?: T[] | null;
      metadata?: { resourceVersion?: string; continue?: string };
    };
    if (metadata?.resourceVersion === undefined) {
      throw new ApiError('Unknown', `GET ${path}: the server's answer is not a list`);
    }
    // Items of the standard kinds come without these two.
    const header = { apiVersion: apiVersionOf(served), kind: type.kind };
    const page = {
      items: (items ?? []).map((item) => ({ ...header, ...item })),
      resourceVersion: metadata.resourceVersion,
    };
    return metadata.continue ? { ...page, continue: metadata.continue } : page;
  }

  async *watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const { namespace, signal, labelSelector, fieldSelector, resourceVersion } = options;
    if (signal?.aborted) return;
    const seconds = Math.round(WATCH_SECONDS.least + this.#random() * (WATCH_SECONDS.most - WATCH_SECONDS.least));
    const path = collectionPath(this.#served.of(type), namespace);
    try {
      const body = await this.#transport.stream({
        method: 'GET',
        path,
        query: {
          watch: '1',
          allowWatchBookmarks: 'true',
          timeoutSeconds: seconds,
          resourceVersion,
          labelSelector,
          fieldSelector,
        },
        signal,
        bodyTimeoutMilliseconds: seconds * 1_000 + WATCH_SLACK_MILLISECONDS,
      });
      try {
        for await (const line of jsonLines(body)) yield eventOf(type, line, path);
      } finally {
        body.destroy();
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof ApiError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new ApiError('ServiceUnavailable', `the watch of ${path} broke off: ${why}`, { status: 0, cause: error });
    }
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: Draft<T>, options: CallOptions = {}): Promise<T> {
    const { namespace } = object.metadata;
    if (type.namespaced && !namespace) {
      throw new ApiError('BadRequest', 'an empty namespace may not be set during creation');
    }
    const body = { apiVersion: apiVersionOf(type), kind: type.kind, ...object };
    const path = collectionPath(type, namespace);
    return this.#object(type, { method: 'POST', path, body, signal: options.signal, priority: priorityOf(type) });
  }

  async replace<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const path = objectPath(type, object.metadata, options.subresource);
    const priority = priorityOf(type, options.subresource);
    return this.#object(type, { method: 'PUT', path, body: object, signal: options.signal, priority });
  }

  async patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patch: object,
    options: WriteOptions = {},
  ): Promise<T> {
    try {
      return await this.#object(type, {
        method: 'PATCH',
        path: objectPath(type, key, options.subresource),
        body: patch,
        contentType: 'application/merge-patch+json',
        signal: options.signal,
        priority: priorityOf(type, options.subresource),
      });
    } catch (error) {
      throw isOtherObject(error) ? conflictOf(error) : error;
    }
  }

  /** Server-side apply (KEP-555): what `object` says holds from now on, whoever else said otherwise. */
  async apply<T extends KubeObject>(
    type: ResourceType<T>,
    object: Draft<T> & { metadata: ObjectKey },
    options: CallOptions & { fieldManager: string },
  ): Promise<T> {
    return this.#object(type, {
      method: 'PATCH',
      path: objectPath(type, object.metadata),
      query: { fieldManager: options.fieldManager, force: 'true' },
      body: { apiVersion: apiVersionOf(type), kind: type.kind, ...object },
      contentType: 'application/apply-patch+yaml',
      signal: options.signal,
    });
  }

  async delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options: DeleteOptions = {}): Promise<T> {
    const { uid, resourceVersion, gracePeriodSeconds, signal } = options;
    const preconditions = { uid, resourceVersion };
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      gracePeriodSeconds,
      ...(uid === undefined && resourceVersion === undefined ? {} : { preconditions }),
    };
    const answer = await this.#transport.json({ method: 'DELETE', path: objectPath(type, key), body, signal });
    return deletedObject(type, key, answer);
  }

  async bind(pod: BindablePod, nodeName: string, options: CallOptions = {}): Promise<void> {
    const { namespace, name, uid, resourceVersion } = pod;
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace, name, uid, resourceVersion },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    };
    await this.#transport.json({
      method: 'POST',
      path: objectPath(PODS, pod, 'binding'),
      body,
      signal: options.signal,
      priority: 'urgent',
    });
  }

  /** Whether the user may do this (`authorization.k8s.io/v1` SubjectAccessReview): `spec` of the review. */
  async isAllowed(spec: object, options: CallOptions = {}): Promise<{ allowed: boolean; reason?: string }> {
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
    const answer = await this.#transport.json({ method: 'POST', path, body, signal: options.signal });
    const { status } = (answer ?? {}) as { status?: { allowed?: boolean; reason?: string } };
    return { allowed: status?.allowed === true, ...(status?.reason && { reason: status.reason }) };
  }

  /** What the server answers at a path of its own: discovery, for instance. Throws ApiError as any other read. */
  read(path: string, options: CallOptions = {}): Promise<unknown> {
    return this.#transport.json({ method: 'GET', path, signal: options.signal });
  }

  /** What the server says of itself (`/version`), e.g. `{ major: 1, minor: 36 }`. */
  async version(options: CallOptions = {}): Promise<ServerVersion> {
    const body = await this.#transport.json({ method: 'GET', path: '/version', signal: options.signal });
    const { major, minor } = (body ?? {}) as { major?: string; minor?: string };
    // Vendors write `27+`.
    const version = { major: Number.parseInt(major ?? '', 10), minor: Number.parseInt(minor ?? '', 10) };
    if (Number.isNaN(version.major) || Number.isNaN(version.minor)) {
      throw new ApiError('Unknown', 'GET /version: the server does not say which version it is');
    }
    return version;
  }

  /** Ends calls and watches under way and closes every connection. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  async #object<T extends KubeObject>(type: ResourceType<T>, call: Parameters<HttpTransport['json']>[0]): Promise<T> {
    const body = await this.#transport.json(call);
    if (!isObjectOf(type, body)) {
      throw new ApiError('Unknown', `${call.method} ${call.path}: the server's answer is not a ${type.kind}`);
    }
    return body;
  }
}

/** Somebody waits for the dump that a new checkpoint orders; what pods and events say is for people. */
function priorityOf(type: ResourceType, subresource?: string): RequestPriority {
  if (type.kind === LEASES.kind) return 'vital';
  if (type.kind === EVENTS.kind || (type.kind === PODS.kind && subresource === 'status')) return 'low';
  const isOrder = type.kind === POD_CHECKPOINTS.kind && subresource === undefined;
  return isOrder ? 'urgent' : 'normal';
}

/** kube-apiserver takes a UID in a patch for a change of it, which it refuses as Invalid, not as a precondition. */
function isOtherObject(error: unknown): error is ApiError {
  return isApiError(error, 'Invalid') && error.details?.causes?.some(({ field }) => field === 'metadata.uid') === true;
}

function conflictOf(refusal: ApiError): ApiError {
  const { message, details } = refusal;
  return new ApiError('Conflict', message, { cause: refusal, ...(details === undefined ? {} : { details }) });
}

function isObjectOf<T extends KubeObject>(type: ResourceType<T>, body: unknown): body is T {
  const { kind, metadata } = (body ?? {}) as { kind?: unknown; metadata?: { name?: unknown } };
  return kind === type.kind && typeof metadata?.name === 'string';
}

function eventOf<T extends KubeObject>(type: ResourceType<T>, line: unknown, path: string): WatchEvent<T> {
  const { type: change, object } = (line ?? {}) as { type?: unknown; object?: KubeObject };
  if (change === 'ERROR') throw statusError(object, 500, `watch of ${path}`);
  const resourceVersion = object?.metadata?.resourceVersion;
  if (change === 'BOOKMARK' && resourceVersion !== undefined) return { type: 'BOOKMARK', resourceVersion };
  const known = change === 'ADDED' || change === 'MODIFIED' || change === 'DELETED';
  if (!known || !isObjectOf(type, object)) {
    throw new ApiError(
      'Unknown',
      `the server sent a watch event of ${path} that is none: ${JSON.stringify(line).slice(0, 80)}`,
    );
  }
  return { type: change, object };
}

/** Real servers answer a deletion that is done with a Status that names the object. */
function deletedObject<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, answer: unknown): T {
  if (isObjectOf(type, answer)) return answer;
  const { details } = (answer ?? {}) as { details?: { uid?: string } };
  const metadata = {
    name: key.name,
    ...(key.namespace === undefined ? {} : { namespace: key.namespace }),
    uid: details?.uid ?? '',
    resourceVersion: '',
    creationTimestamp: '',
  };
  return { apiVersion: apiVersionOf(type), kind: type.kind, metadata } as KubeObject as T;
}
