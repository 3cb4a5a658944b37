import { type KubeObject, keyOf } from '../../model/index.ts';

/** Keys of objects by the workload they belong to, so that one workload can be looked at without looking at all. */
export class WorkloadIndex<T extends KubeObject> {
  readonly #workloadOf: (object: T) => string;
  readonly #keys = new Map<string, Set<string>>();

  constructor(workloadOf: (object: T) => string) {
    this.#workloadOf = workloadOf;
  }

  /** Takes note of a new object, or of one that may have changed its workload. */
  put(object: T, previous: T | undefined): void {
    const workload = this.#workloadOf(object);
    if (previous !== undefined && this.#workloadOf(previous) !== workload) this.delete(previous);
    const keys = this.#keys.get(workload);
    if (keys === undefined) this.#keys.set(workload, new Set([keyOf(object)]));
    else keys.add(keyOf(object));
  }

  delete(object: T): void {
    const workload = this.#workloadOf(object);
    const keys = this.#keys.get(workload);
    if (keys?.delete(keyOf(object)) === true && keys.size === 0) this.#keys.delete(workload);
  }

  /** The workload's objects among those held, in the order in which they came. */
  select(workload: string, held: { get(key: string): T | undefined }): T[] {
    const selected: T[] = [];
    for (const key of this.#keys.get(workload) ?? []) {
      const object = held.get(key);
      // The last change before a deletion may have gone unseen, and with it a change of the workload.
      if (object !== undefined && this.#workloadOf(object) === workload) selected.push(object);
    }
    return selected;
  }
}
