import { type KubeObject, keyOf } from '../../model/index.ts';

/**
 * Objects other than pods and nodes that plugins decide by (Namespace, Service, PersistentVolume, PodGroup …), by kind and
 * `namespace/name` (`name` for cluster-wide kinds). The latest version of each; the engine itself reads none of them.
 */
export class ClusterObjects {
  readonly #byKind = new Map<string, Map<string, KubeObject>>();

  /** The caller names the shape that the kind has. */
  get<T extends KubeObject = KubeObject>(kind: string, key: string): T | undefined {
    return this.#byKind.get(kind)?.get(key) as T | undefined;
  }

  of<T extends KubeObject = KubeObject>(kind: string): Iterable<T> {
    return (this.#byKind.get(kind)?.values() ?? []) as Iterable<T>;
  }

  /** Returns the version known before. */
  put(object: KubeObject): KubeObject | undefined {
    const key = keyOf(object);
    const known = this.#byKind.get(object.kind);
    const before = known?.get(key);
    if (known === undefined) this.#byKind.set(object.kind, new Map([[key, object]]));
    else known.set(key, object);
    return before;
  }

  /** Returns whether it was known. */
  delete(object: KubeObject): boolean {
    const known = this.#byKind.get(object.kind);
    const deleted = known?.delete(keyOf(object)) ?? false;
    if (known?.size === 0) this.#byKind.delete(object.kind);
    return deleted;
  }
}
