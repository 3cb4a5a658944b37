import type { KubeObject, ResourceType } from '../model/index.ts';

/**
 * Versions by which older servers know a kind, and in which its fields are the same as far as this project reads them.
 * PodDisruptionBudget: policy/v1 came with Kubernetes 1.21 (an empty selector, which v1beta1 takes for none, aside).
 */
const OLDER: Readonly<Record<string, string>> = { 'policy/v1/poddisruptionbudgets': 'v1beta1' };

/** Which version of a kind the server is asked for: the one the product knows, unless the server has only an older one. */
export class ServedVersions {
  readonly #older = new Set<string>();

  of<T extends KubeObject>(type: ResourceType<T>): ResourceType<T> {
    const key = keyOf(type);
    const version = this.#older.has(key) ? OLDER[key] : undefined;
    return version === undefined ? type : { ...type, version };
  }

  /** The server does not have the version it was asked for. True: there is another one to ask for, now given by {@link of}. */
  isMissing(type: ResourceType): boolean {
    const key = keyOf(type);
    if (OLDER[key] === undefined) return false;
    // Neither of them, or an upgrade took the older one away: the next try begins with the newer one.
    if (this.#older.delete(key)) return false;
    this.#older.add(key);
    return true;
  }
}

function keyOf({ group, version, plural }: ResourceType): string {
  return `${group}/${version}/${plural}`;
}
