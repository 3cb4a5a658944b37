import {
  CUSTOM_RESOURCE_DEFINITIONS,
  type CustomResourceDefinition,
  type KubeObject,
  NAMESPACES,
  type Namespace,
  NODES,
  PODS,
  type Pod,
  PRIORITY_CLASSES,
  type PriorityClass,
  SERVICE_ACCOUNTS,
} from '../../model/index.ts';
import { collectionOf, type RegistryCore } from './core.ts';
import type { CustomKinds } from './custom-kinds.ts';
import type { FieldProblem, Kind } from './kinds.ts';
import { type NamespaceLifecycle, newNamespace } from './namespace-lifecycle.ts';
import { newPod } from './pods.ts';
import { admitPriority, admitPriorityClass } from './priority.ts';
import { forbidden } from './refusals.ts';

const POD_COLLECTION = collectionOf(PODS);
const CLASS_COLLECTION = collectionOf(PRIORITY_CLASSES);
const DEFINITIONS = collectionOf(CUSTOM_RESOURCE_DEFINITIONS);

/** What the API server adds to certain kinds, and refuses in them, beyond their schema. */
export class Admission {
  readonly #core: RegistryCore;
  readonly #namespaces: NamespaceLifecycle;
  readonly #customKinds: CustomKinds;

  constructor(core: RegistryCore, parts: { namespaces: NamespaceLifecycle; customKinds: CustomKinds }) {
    this.#core = core;
    this.#namespaces = parts.namespaces;
    this.#customKinds = parts.customKinds;
  }

  /** The new object with what the server fills in. Throws Forbidden, or NotFound for its namespace. */
  admitNew(kind: Kind, object: KubeObject): KubeObject {
    const { name, namespace } = object.metadata;
    if (namespace !== undefined)
      this.#namespaces.admit(kind.type, name || (object.metadata.generateName ?? ''), namespace);
    switch (collectionOf(kind.type)) {
      case POD_COLLECTION:
        return newPod(
          this.#withServiceAccount(admitPriority(object as Pod, name, this.#classes())),
          this.#core.clock.now(),
        );
      case collectionOf(NAMESPACES):
        return newNamespace(object as Namespace);
      case CLASS_COLLECTION:
        admitPriorityClass(object as PriorityClass, this.#classes());
        return object;
      // A kubelet registers its node together with its status.
      case collectionOf(NODES):
        return object;
      default:
        return kind.subresources.includes('status') ? withoutStatus(object) : object;
    }
  }

  admitUpdate(kind: Kind, next: KubeObject): void {
    if (collectionOf(kind.type) === CLASS_COLLECTION) admitPriorityClass(next as PriorityClass, this.#classes());
  }

  /** Problems of content that only the registry can see. */
  problemsOf(kind: Kind, object: KubeObject): FieldProblem[] {
    return collectionOf(kind.type) === DEFINITIONS
      ? this.#customKinds.problemsOf(object as CustomResourceDefinition)
      : [];
  }

  #classes(): Iterable<PriorityClass> {
    return this.#core.ledger.collection(CLASS_COLLECTION).values() as IterableIterator<PriorityClass>;
  }

  #withServiceAccount(pod: Pod): Pod {
    const account = pod.spec.serviceAccountName || 'default';
    const { name, namespace } = pod.metadata;
    const served = this.#core.kinds.of(SERVICE_ACCOUNTS) !== undefined;
    if (served && this.#core.get(collectionOf(SERVICE_ACCOUNTS), `${namespace}/${account}`) === undefined) {
      throw forbidden(
        PODS,
        name,
        `error looking up service account ${namespace}/${account}: serviceaccount "${account}" not found`,
      );
    }
    return { ...pod, spec: { ...pod.spec, serviceAccountName: account } };
  }
}

function withoutStatus(object: KubeObject): KubeObject {
  const { status: _ignored, ...rest } = object as KubeObject & { status?: unknown };
  return rest;
}
