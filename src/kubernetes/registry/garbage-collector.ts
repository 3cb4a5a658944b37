import type { KubeObject, OwnerReference } from '../../model/index.ts';
import { collectionOf, drain, type RegistryCore, type Upkeep } from './core.ts';
import { FOREGROUND_FINALIZER } from './deletion.ts';
import type { Change } from './options.ts';

interface Place {
  collection: string;
  key: string;
}

/**
 * Deletes objects whose owners are all gone, and lets go of owners that wait for their dependents (kube-controller-manager's
 * garbage collector, without its delay). An owner of a kind that is not served counts as being there.
 */
export class GarbageCollector implements Upkeep {
  readonly #core: RegistryCore;
  /** Where each living object is, by UID. */
  readonly #places = new Map<string, Place & { namespace: string | undefined }>();
  /** UIDs of the objects that name an owner, by the owner's UID. */
  readonly #dependents = new Map<string, Set<string>>();
  /** UIDs of dependents to look at, and of owners that may be released. */
  readonly #due = new Set<string>();

  constructor(core: RegistryCore) {
    this.#core = core;
  }

  observe({ type, collection, key, object, previous }: Change): void {
    const { uid, namespace } = object.metadata;
    if (type === 'ADDED') this.#places.set(uid, { collection, key, namespace });
    const before = previous?.metadata.ownerReferences;
    const after = type === 'DELETED' ? undefined : object.metadata.ownerReferences;
    if (before !== after) this.#relate(uid, before ?? [], after ?? []);
    if (type === 'DELETED') {
      this.#places.delete(uid);
      this.#due.delete(uid);
      for (const dependent of this.#dependents.get(uid) ?? []) this.#due.add(dependent);
    } else if (isWaiting(object) && !isWaiting(previous)) {
      this.#due.add(uid);
    }
  }

  isDue(): boolean {
    return this.#due.size > 0;
  }

  run(): void {
    drain(this.#due, (uid) => this.#look(uid));
  }

  /** Takes the owner's name off its dependents (propagation policy Orphan). */
  orphanDependentsOf(owner: KubeObject): void {
    for (const uid of [...(this.#dependents.get(owner.metadata.uid) ?? [])]) {
      const place = this.#places.get(uid);
      const object = place && this.#core.get(place.collection, place.key);
      if (place === undefined || object === undefined) continue;
      const kept = object.metadata.ownerReferences?.filter((reference) => reference.uid !== owner.metadata.uid);
      this.#setOwners(place, object, kept ?? []);
    }
  }

  #relate(uid: string, before: readonly OwnerReference[], after: readonly OwnerReference[]): void {
    for (const owner of before) {
      const dependents = this.#dependents.get(owner.uid);
      dependents?.delete(uid);
      if (dependents?.size === 0) this.#dependents.delete(owner.uid);
      // The owner may have waited for just this one.
      this.#due.add(owner.uid);
    }
    for (const owner of after) {
      let dependents = this.#dependents.get(owner.uid);
      if (dependents === undefined) {
        dependents = new Set();
        this.#dependents.set(owner.uid, dependents);
      }
      dependents.add(uid);
    }
    if (after.length > 0) this.#due.add(uid);
  }

  #look(uid: string): void {
    const place = this.#places.get(uid);
    const object = place && this.#core.get(place.collection, place.key);
    if (place === undefined || object === undefined) return;
    if (isWaiting(object)) this.#deleteDependentsFirst(place, object);
    const owners = object.metadata.ownerReferences ?? [];
    const living = owners.filter((owner) => this.#exists(owner, object.metadata.namespace));
    if (living.length === owners.length) return;
    if (living.length > 0) this.#setOwners(place, object, living);
    else if (object.metadata.deletionTimestamp === undefined) {
      this.#core.requestDeletion(place.collection, place.key, {});
    }
  }

  #deleteDependentsFirst(place: Place, owner: KubeObject): void {
    let blocked = false;
    for (const uid of [...(this.#dependents.get(owner.metadata.uid) ?? [])]) {
      const dependent = this.#places.get(uid);
      const object = dependent && this.#core.get(dependent.collection, dependent.key);
      if (dependent === undefined || object === undefined) continue;
      const references = object.metadata.ownerReferences ?? [];
      const others = references.filter((reference) => reference.uid !== owner.metadata.uid);
      if (others.some((other) => this.#exists(other, object.metadata.namespace))) {
        this.#setOwners(dependent, object, others);
        continue;
      }
      if (object.metadata.deletionTimestamp === undefined) {
        this.#core.requestDeletion(dependent.collection, dependent.key, { propagationPolicy: 'Foreground' });
      }
      const blocks = references.some(
        ({ uid: of, blockOwnerDeletion }) => of === owner.metadata.uid && blockOwnerDeletion,
      );
      if (blocks && this.#core.get(dependent.collection, dependent.key) !== undefined) blocked = true;
    }
    if (blocked) return;
    const current = this.#core.get(place.collection, place.key);
    if (current?.metadata.uid !== owner.metadata.uid) return;
    const finalizers = (current.metadata.finalizers ?? []).filter((finalizer) => finalizer !== FOREGROUND_FINALIZER);
    this.#core.put(place.collection, place.key, { ...current, metadata: { ...current.metadata, finalizers } });
  }

  #exists(owner: OwnerReference, namespace: string | undefined): boolean {
    const kind = this.#core.kinds.findByKind(owner.apiVersion, owner.kind);
    if (kind === undefined) return true;
    const place = this.#places.get(owner.uid);
    if (place === undefined || place.collection !== collectionOf(kind.type)) return false;
    return place.namespace === undefined || place.namespace === namespace;
  }

  #setOwners(place: Place, object: KubeObject, owners: OwnerReference[]): void {
    const { ownerReferences: _replaced, ...metadata } = object.metadata;
    const next = owners.length === 0 ? metadata : { ...metadata, ownerReferences: owners };
    this.#core.put(place.collection, place.key, { ...object, metadata: next });
  }
}

function isWaiting(object: KubeObject | undefined): boolean {
  const metadata = object?.metadata;
  return metadata?.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(FOREGROUND_FINALIZER);
}
