import { apiVersionOf, type KubeObject, type ResourceType } from '../../model/index.ts';
import type { ObjectKey } from '../store.ts';
import type { Collection } from './collection.ts';
import { collectionOf, type RegistryCore } from './core.ts';
import type { Kind } from './kinds.ts';
import type { RegistryList, RegistryListOptions, RegistryWatchOptions } from './options.ts';
import { badRequest, continueExpired, expired, notFound, notServed, tooLargeResourceVersion } from './refusals.ts';
import { presented, selectionOf } from './selection.ts';
import { Watcher } from './watcher.ts';

/** A page of a list goes on where `after` says, as of the revision of the first page. */
interface ContinueToken {
  revision: number;
  after: string;
}

type OpenWatch = Pick<Watcher<KubeObject>, 'type' | 'close' | 'finish' | 'bookmark'>;

/** Get, list and watch. */
export class ObjectReader {
  readonly #core: RegistryCore;
  readonly #watchers = new Set<OpenWatch>();

  constructor(core: RegistryCore) {
    this.#core = core;
    // Watches of a kind that is served no more end.
    core.kinds.onChange(() => {
      for (const watcher of [...this.#watchers]) if (core.kinds.of(watcher.type) === undefined) watcher.finish();
    });
  }

  kind<T extends KubeObject>(type: ResourceType<T>): Kind<T> {
    const kind = this.#core.kinds.of(type);
    if (kind === undefined) throw notServed();
    return kind;
  }

  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey): T {
    const kind = this.kind(type);
    const object = this.#core.get(collectionOf(type), storageKey(type, key));
    if (object === undefined) throw notFound(type, key.name);
    return presented(kind, object);
  }

  list<T extends KubeObject>(type: ResourceType<T>, options: RegistryListOptions): RegistryList<T> {
    const kind = this.kind(type);
    const selection = selectionOf(kind, options);
    const token = options.continue ? readToken(options.continue) : undefined;
    const revision = token?.revision ?? this.#revisionToList(options);
    const collection = this.#core.ledger.collection(collectionOf(type));
    const objectAt = this.#viewAt(collection, revision, token !== undefined);
    const keys = objectAt.keys(selection.namespace, token?.after);
    const items: T[] = [];
    const limit = options.limit ?? 0;
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      const object = objectAt.get(key);
      if (object === undefined || !selection.matches(object)) continue;
      items.push(presented(kind, object));
      const remaining = keys.length - index - 1;
      if (items.length !== limit || remaining === 0) continue;
      const next = writeToken({ revision, after: key });
      const page: RegistryList<T> = { items, resourceVersion: String(revision), continue: next };
      return selection.filtered ? page : { ...page, remainingItemCount: remaining };
    }
    return { items, resourceVersion: String(revision) };
  }

  watch<T extends KubeObject>(type: ResourceType<T>, options: RegistryWatchOptions): Watcher<T> {
    const kind = this.kind(type);
    const { ledger } = this.#core;
    const selection = selectionOf(kind, options);
    const asked = revisionOf(options.resourceVersion);
    const fromNow = asked === 0 || options.sendInitialEvents === true;
    const revision = fromNow ? ledger.revision : asked;
    if (asked > ledger.revision) throw tooLargeResourceVersion(asked, ledger.revision);
    if (revision < ledger.compacted) throw expired(revision, ledger.compacted);
    const initial = fromNow && options.sendInitialEvents !== false ? this.list(type, withoutPaging(options)).items : [];
    const watcher = new Watcher<T>(ledger, ledger.collection(collectionOf(type)), {
      kind,
      selection,
      revision,
      initial,
      markInitialEnd: options.sendInitialEvents === true,
      bookmarks: options.bookmarks !== false,
      signal: options.signal,
      onClose: (closed) => this.#watchers.delete(closed),
    });
    if (!watcher.closed) this.#watchers.add(watcher);
    return watcher;
  }

  /** Sends a bookmark to every watch that has seen all there is. */
  bookmark(): void {
    for (const watcher of this.#watchers) watcher.bookmark();
  }

  close(): void {
    for (const watcher of [...this.#watchers]) watcher.close();
  }

  #revisionToList(options: RegistryListOptions): number {
    const current = this.#core.ledger.revision;
    const asked = revisionOf(options.resourceVersion ?? '');
    if (asked > current) throw tooLargeResourceVersion(asked, current);
    return options.resourceVersionMatch === 'Exact' && asked > 0 ? asked : current;
  }

  /** The collection as it was at a revision: as it is now, with the changes since undone. */
  #viewAt(collection: Collection, revision: number, continued: boolean): Pick<Collection, 'keys' | 'get'> {
    const { ledger } = this.#core;
    if (revision < ledger.compacted) throw continued ? continueExpired() : expired(revision, ledger.compacted);
    if (revision > ledger.revision) throw tooLargeResourceVersion(revision, ledger.revision);
    const { changes } = collection;
    const before = new Map<string, KubeObject | undefined>();
    for (let position = changes.search((change) => change.revision > revision); position < changes.end; position++) {
      const change = changes.at(position);
      if (change !== undefined && !before.has(change.key)) before.set(change.key, change.previous);
    }
    if (before.size === 0) return collection;
    return {
      get: (key) => (before.has(key) ? before.get(key) : collection.get(key)),
      keys: (namespace, after) => {
        const prefix = namespace === undefined ? '' : `${namespace}/`;
        const removed = [...before.keys()].filter(
          (key) => collection.get(key) === undefined && key.startsWith(prefix) && (after === undefined || key > after),
        );
        const keys = [...collection.keys(namespace, after), ...removed].filter(
          (key) => !before.has(key) || before.get(key) !== undefined,
        );
        return keys.sort((left, right) => (left < right ? -1 : 1));
      },
    };
  }
}

/** `namespace/name` or `name`; throws BadRequest when the kind and the key do not fit. */
export function storageKey(type: ResourceType, { namespace, name }: ObjectKey): string {
  if (!type.namespaced) return name;
  if (!namespace) throw badRequest('an empty namespace may not be set when a resource name is provided');
  return `${namespace}/${name}`;
}

/** 0 for '' and '0', which both mean: any. */
function revisionOf(resourceVersion: string): number {
  if (resourceVersion === '') return 0;
  const revision = /^\d{1,15}$/.test(resourceVersion) ? Number(resourceVersion) : Number.NaN;
  if (Number.isNaN(revision)) {
    throw badRequest(`resourceVersion: Invalid value: ${JSON.stringify(resourceVersion)}: must be a number`);
  }
  return revision;
}

function withoutPaging(options: RegistryWatchOptions): RegistryListOptions {
  const { namespace, labelSelector, fieldSelector } = options;
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

const TOKEN_VERSION = 'meta.k8s.io/v1';

function writeToken({ revision, after }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: TOKEN_VERSION, rv: revision, start: after })).toString('base64url');
}

function readToken(text: string): ContinueToken {
  let token: unknown;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch (error) {
    throw badRequest(`continue key is not valid: ${error instanceof Error ? error.message : String(error)}`);
  }
  const { v, rv, start } = (token ?? {}) as { v?: unknown; rv?: unknown; start?: unknown };
  if (v !== TOKEN_VERSION || typeof rv !== 'number' || !Number.isSafeInteger(rv) || typeof start !== 'string') {
    throw badRequest('continue key is not valid: it was not given out by this server');
  }
  return { revision: rv, after: start };
}

/** How a kind is named where an object says what it is. */
export function headerOf(type: ResourceType): { apiVersion: string; kind: string } {
  return { apiVersion: apiVersionOf(type), kind: type.kind };
}
