import { keyOf, NAMESPACES, type Namespace, type ResourceType, SERVICE_ACCOUNTS } from '../../model/index.ts';
import { collectionOf, drain, type RegistryCore, type Upkeep } from './core.ts';
import type { Change } from './options.ts';
import { forbidden, notFound } from './refusals.ts';

const NAMESPACE_COLLECTION = collectionOf(NAMESPACES);

/** Namespaces every cluster has, and Fermata's own. */
export const INITIAL_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease', 'fermata-system'];
/** Refused by kube-apiserver's NamespaceLifecycle admission. */
const UNDELETABLE: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/**
 * Gives a new namespace its `default` service account, and empties a deleted one before it goes (NamespaceLifecycle
 * admission and the namespace and service account controllers of Kubernetes in one).
 */
export class NamespaceLifecycle implements Upkeep {
  readonly #core: RegistryCore;
  readonly #createServiceAccount: (namespace: string) => void;
  readonly #isNamespaced: (collection: string) => boolean;
  /** Objects in each namespace. */
  readonly #population = new Map<string, number>();
  readonly #new = new Set<string>();
  readonly #terminating = new Set<string>();

  constructor(
    core: RegistryCore,
    parts: { createServiceAccount: (namespace: string) => void; isNamespaced: (collection: string) => boolean },
  ) {
    this.#core = core;
    this.#createServiceAccount = parts.createServiceAccount;
    this.#isNamespaced = parts.isNamespaced;
  }

  /** Throws in Kubernetes' words when nothing new may be created in the namespace. */
  admit(type: ResourceType, name: string, namespaceName: string): void {
    const namespace = this.#core.get(NAMESPACE_COLLECTION, namespaceName);
    if (namespace === undefined) throw notFound(NAMESPACES, namespaceName);
    if (namespace.metadata.deletionTimestamp === undefined) return;
    throw forbidden(
      type,
      name,
      `unable to create new content in namespace ${namespaceName} because it is being terminated`,
      [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespaceName} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    );
  }

  admitDeletion(name: string): void {
    if (UNDELETABLE.has(name)) throw forbidden(NAMESPACES, name, 'this namespace may not be deleted');
  }

  observe({ type, collection, object }: Change): void {
    if (collection === NAMESPACE_COLLECTION) {
      const { name, deletionTimestamp } = object.metadata;
      if (type === 'ADDED') this.#new.add(name);
      if (type !== 'DELETED' && deletionTimestamp !== undefined) this.#terminating.add(name);
      return;
    }
    const { namespace } = object.metadata;
    if (namespace === undefined || type === 'MODIFIED') return;
    const population = (this.#population.get(namespace) ?? 0) + (type === 'ADDED' ? 1 : -1);
    if (population > 0) this.#population.set(namespace, population);
    else this.#population.delete(namespace);
    if (population === 0) this.#terminating.add(namespace);
  }

  isDue(): boolean {
    return this.#new.size > 0 || this.#terminating.size > 0;
  }

  run(): void {
    drain(this.#new, (name) => this.#equip(name));
    drain(this.#terminating, (name) => this.#terminate(name));
  }

  #equip(name: string): void {
    const namespace = this.#core.get(NAMESPACE_COLLECTION, name);
    if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return;
    if (this.#core.get(collectionOf(SERVICE_ACCOUNTS), `${name}/default`) === undefined) {
      this.#createServiceAccount(name);
    }
  }

  #terminate(name: string): void {
    const namespace = this.#core.get(NAMESPACE_COLLECTION, name) as Namespace | undefined;
    if (namespace?.metadata.deletionTimestamp === undefined) return;
    if ((this.#population.get(name) ?? 0) > 0) this.#empty(name);
    else this.#release(namespace);
  }

  #empty(name: string): void {
    for (const collection of [...this.#core.ledger.collections()]) {
      if (!this.#isNamespaced(collection.id)) continue;
      for (const key of collection.keys(name)) {
        const object = collection.get(key);
        if (object === undefined || object.metadata.deletionTimestamp !== undefined) continue;
        this.#core.requestDeletion(collection.id, key, {});
      }
    }
  }

  /** Nothing is left in it: the `kubernetes` finalizer in its spec, which held it, goes. */
  #release(namespace: Namespace): void {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== 'kubernetes');
    const next: Namespace = { ...namespace, spec: { ...namespace.spec, finalizers } };
    this.#core.put(NAMESPACE_COLLECTION, keyOf(namespace), next);
  }
}

export function newNamespace(namespace: Namespace): Namespace {
  const labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': namespace.metadata.name };
  return {
    ...namespace,
    metadata: { ...namespace.metadata, labels },
    spec: { ...namespace.spec, finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  };
}
