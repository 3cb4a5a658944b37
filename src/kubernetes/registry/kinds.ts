import { apiVersionOf, type KubeObject, type ResourceType } from '../../model/index.ts';

/** One thing wrong with one field; `path` in Kubernetes' notation, e.g. `spec.containers[0].image`. */
export interface FieldProblem {
  path: string;
  /** As `kubectl` prints it after the path, e.g. `Required value` or `Invalid value: "2Gb": must be a quantity`. */
  message: string;
  /** `metav1.CauseType`, e.g. `FieldValueRequired`. */
  reason?: string;
}

/** A column of `kubectl get` (`additionalPrinterColumns` of a CRD). */
export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  /** 0: always shown; greater: with `-o wide`. */
  priority?: number;
  /** e.g. `.status.phase` */
  jsonPath: string;
}

/** A kind as a {@link Registry} serves it. */
export interface Kind<T extends KubeObject = KubeObject> {
  readonly type: ResourceType<T>;
  /** e.g. `status`, `binding`, `eviction`, `log`. With `status`, spec and status are written separately. */
  readonly subresources: readonly string[];
  /** JSON schema of a whole object, as OpenAPI v3 (`openAPIV3Schema`) has it. */
  readonly schema: Readonly<Record<string, unknown>>;
  readonly printerColumns: readonly PrinterColumn[];
  /** Fields besides `metadata.name` and `metadata.namespace` that a field selector may name, e.g. `spec.nodeName`. */
  readonly selectableFields: readonly string[];
  readonly categories: readonly string[];
  /** True for kinds of a CustomResourceDefinition. */
  readonly custom: boolean;
  /**
   * The object without unknown fields and with defaults filled in, and the paths of what was unknown. Parts shared with
   * `current`, which went through this before, are left as they are. `problems`, when present, are those
   * {@link validate} would find in the result.
   */
  prepare(object: T, current?: T): { object: T; unknownFields: string[]; problems?: FieldProblem[] };
  /**
   * `current`: what it is to take the place of, found valid before; what the two share need not be looked at again. Without
   * it the object is new, and some things are refused only then.
   */
  validate(object: T, current: T | undefined): FieldProblem[];
  validateUpdate(next: T, current: T): FieldProblem[];
}

/** Built-in kinds a registry is to serve. */
export interface KindRegistry {
  list(): readonly Kind[];
}

/** The kinds a registry serves just now: the built-in ones and those of established CustomResourceDefinitions. */
export class ServedKinds implements KindRegistry {
  readonly #kinds = new Map<string, Kind>();
  readonly #listeners = new Set<() => void>();

  constructor(builtIn: KindRegistry) {
    for (const kind of builtIn.list()) this.#kinds.set(idOf(kind.type), kind);
  }

  list(): readonly Kind[] {
    return [...this.#kinds.values()];
  }

  /** The kind served at `/apis/<group>/<version>/<plural>` (`/api/<version>/<plural>` for the group ''). */
  find(group: string, version: string, plural: string): Kind | undefined {
    return this.#kinds.get(`${group}/${version}/${plural}`);
  }

  findByKind(apiVersion: string, kind: string): Kind | undefined {
    for (const served of this.#kinds.values()) {
      if (served.type.kind === kind && apiVersionOf(served.type) === apiVersion) return served;
    }
    return undefined;
  }

  of<T extends KubeObject>(type: ResourceType<T>): Kind<T> | undefined {
    // The shape is the caller's claim about the type; objects are checked against the kind's own schema when written.
    return this.#kinds.get(idOf(type)) as unknown as Kind<T> | undefined;
  }

  /** Calls `listener` after kinds were added or taken away. Returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** For the registry: puts `added` in place of `removed`. */
  update(removed: readonly Kind[], added: readonly Kind[]): void {
    for (const kind of removed) this.#kinds.delete(idOf(kind.type));
    for (const kind of added) this.#kinds.set(idOf(kind.type), kind);
    for (const listener of [...this.#listeners]) listener();
  }
}

function idOf(type: Pick<ResourceType, 'group' | 'version' | 'plural'>): string {
  return `${type.group}/${type.version}/${type.plural}`;
}
