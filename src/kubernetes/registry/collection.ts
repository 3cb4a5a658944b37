import type { KubeObject } from '../../model/index.ts';
import { ChangeLog } from './change-log.ts';
import type { Change } from './options.ts';

/** The live objects of one kind in all namespaces, by `namespace/name` or `name`, and their recent changes. */
export class Collection {
  /** `<group>/<plural>` */
  readonly id: string;
  readonly changes = new ChangeLog<Change>();
  /** Called after each change; how watches learn of it. */
  readonly waiting = new Set<() => void>();
  readonly #objects = new Map<string, KubeObject>();
  /** All keys of `#objects` and `#gone`, sorted unless `#unsorted`. */
  #keys: string[] = [];
  /** Removed from `#objects` but still in `#keys`: sorting out is left to the next reader. */
  readonly #gone = new Set<string>();
  #unsorted = false;

  constructor(id: string) {
    this.id = id;
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<KubeObject> {
    return this.#objects.values();
  }

  set(key: string, object: KubeObject): void {
    if (!this.#objects.has(key) && !this.#gone.delete(key)) {
      const last = this.#keys.at(-1);
      if (last !== undefined && key < last) this.#unsorted = true;
      this.#keys.push(key);
    }
    this.#objects.set(key, object);
  }

  delete(key: string): void {
    if (this.#objects.delete(key)) this.#gone.add(key);
  }

  /** Keys in byte order, those of one namespace when given, those after `after` when given. */
  keys(namespace?: string, after?: string): string[] {
    const sorted = this.#sorted();
    const prefix = namespace === undefined ? '' : `${namespace}/`;
    let from = lowerBound(sorted, prefix);
    // '0' is the character after '/': the first key that is not in the namespace any more.
    const to = namespace === undefined ? sorted.length : lowerBound(sorted, `${namespace}0`);
    if (after !== undefined) {
      from = Math.max(from, lowerBound(sorted, after));
      if (sorted[from] === after) from++;
    }
    return sorted.slice(from, to);
  }

  #sorted(): readonly string[] {
    if (this.#gone.size > 0) {
      this.#keys = this.#keys.filter((key) => !this.#gone.has(key));
      this.#gone.clear();
    }
    if (this.#unsorted) {
      this.#keys.sort(compare);
      this.#unsorted = false;
    }
    return this.#keys;
  }
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
