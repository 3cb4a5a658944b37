import type { Clock } from '../../clock/index.ts';
import type { KubeObject } from '../../model/index.ts';
import type { Backing, Version } from './backing.ts';
import { ChangeLog } from './change-log.ts';
import { Collection } from './collection.ts';
import type { Change } from './options.ts';

/** How much history is kept for watches that go on and lists that are read page by page. */
export interface HistoryLimits {
  /** Changes kept however old they are. */
  minimumChanges: number;
  /** Changes younger than this are kept, up to `maximumChanges`. */
  milliseconds: number;
  maximumChanges: number;
}

/** etcd behind a kube-apiserver keeps five minutes; the cap bounds memory when writes come by the ten thousand. */
const DEFAULT_HISTORY: HistoryLimits = { minimumChanges: 10_000, milliseconds: 300_000, maximumChanges: 50_000 };

/** The backing is compacted once this many changes were forgotten. */
const COMPACT_EVERY = 1_000;

export interface Write {
  collection: string;
  /** `namespace/name` or `name` */
  key: string;
  /** Adopted object; its resourceVersion is set here. Undefined: delete. */
  next: KubeObject | undefined;
}

/**
 * All live objects and the recent history, in memory, written through to the backing. Knows revisions and order, not what
 * objects mean.
 */
export class Ledger {
  readonly #backing: Backing;
  readonly #clock: Clock;
  readonly #limits: HistoryLimits;
  readonly #collections = new Map<string, Collection>();
  readonly #listeners: ((change: Change) => void)[] = [];
  /** Every change kept, over all collections. */
  readonly #order = new ChangeLog<{ revision: number; at: number; collection: Collection }>();
  #revision: number;
  #compacted: number;
  #backingCompacted: number;

  constructor(parts: { backing: Backing; clock: Clock }, limits: Partial<HistoryLimits> = {}) {
    this.#backing = parts.backing;
    this.#clock = parts.clock;
    this.#limits = { ...DEFAULT_HISTORY, ...limits };
    const { revision, compacted, versions } = this.#backing.load();
    this.#revision = revision;
    this.#compacted = compacted;
    this.#backingCompacted = compacted;
    for (const version of versions) this.#load(version);
  }

  /** The last revision. */
  get revision(): number {
    return this.#revision;
  }

  /** Changes up to this revision are forgotten. */
  get compacted(): number {
    return this.#compacted;
  }

  collection(id: string): Collection {
    let collection = this.#collections.get(id);
    if (collection === undefined) {
      collection = new Collection(id);
      this.#collections.set(id, collection);
    }
    return collection;
  }

  collections(): Iterable<Collection> {
    return this.#collections.values();
  }

  /** Writes all in one atomic step, each with a revision of its own, and then tells the listeners, in order. */
  commit(writes: readonly Write[]): Change[] {
    let revision = this.#revision;
    const changes: Change[] = [];
    const versions: Version[] = [];
    for (const { collection, key, next } of writes) {
      revision++;
      const previous = this.collection(collection).get(key);
      const last = next ?? previous;
      if (last === undefined) throw new RangeError(`${collection}/${key} cannot be deleted: it does not exist`);
      const object = withResourceVersion(last, revision);
      const type = next === undefined ? 'DELETED' : previous === undefined ? 'ADDED' : 'MODIFIED';
      changes.push({ revision, collection, key, type, object, previous });
      versions.push({ revision, key: `${collection}/${key}`, value: next === undefined ? undefined : object });
    }
    this.#backing.write(versions);
    this.#revision = revision;
    const now = this.#clock.now();
    for (const change of changes) this.#apply(change, now);
    this.#forget(now);
    for (const change of changes) {
      for (const listener of this.#listeners) listener(change);
      for (const wake of this.collection(change.collection).waiting) wake();
    }
    return changes;
  }

  /** Calls `listener` after each change, in order, before the commit returns. It must not throw. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.push(listener);
    return () => {
      const index = this.#listeners.indexOf(listener);
      if (index >= 0) this.#listeners.splice(index, 1);
    };
  }

  close(): void {
    this.#backing.close();
  }

  #apply(change: Change, now: number): void {
    const collection = this.collection(change.collection);
    if (change.type === 'DELETED') collection.delete(change.key);
    else collection.set(change.key, change.object);
    collection.changes.append(change);
    this.#order.append({ revision: change.revision, at: now, collection });
  }

  #forget(now: number): void {
    for (;;) {
      const oldest = this.#order.at(this.#order.start);
      const kept = this.#order.end - this.#order.start;
      if (oldest === undefined || kept <= this.#limits.minimumChanges) break;
      if (kept <= this.#limits.maximumChanges && now - oldest.at < this.#limits.milliseconds) break;
      this.#order.forgetOldest();
      oldest.collection.changes.forgetOldest();
      this.#compacted = oldest.revision;
    }
    if (this.#compacted - this.#backingCompacted >= COMPACT_EVERY) {
      this.#backing.compact(this.#compacted);
      this.#backingCompacted = this.#compacted;
    }
  }

  #load({ revision, key, value }: Version): void {
    const groupEnd = key.indexOf('/');
    const pluralEnd = key.indexOf('/', groupEnd + 1);
    const collection = this.collection(key.slice(0, pluralEnd));
    const objectKey = key.slice(pluralEnd + 1);
    const previous = collection.get(objectKey);
    if (revision > this.#compacted) {
      const last = value ?? previous;
      if (last === undefined) return;
      const type = value === undefined ? 'DELETED' : previous === undefined ? 'ADDED' : 'MODIFIED';
      const object = value ?? withResourceVersion(last, revision);
      this.#apply({ revision, collection: collection.id, key: objectKey, type, object, previous }, this.#clock.now());
    } else if (value === undefined) {
      collection.delete(objectKey);
    } else {
      collection.set(objectKey, value);
    }
  }
}

function withResourceVersion(object: KubeObject, revision: number): KubeObject {
  const metadata = Object.freeze({ ...object.metadata, resourceVersion: String(revision) });
  return Object.freeze({ ...object, metadata });
}
