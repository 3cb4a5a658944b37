import type { Anchor } from './selector.ts';

type Labels = Readonly<Record<string, string>> | undefined;
const NONE: ReadonlySet<never> = new Set<never>();

/** Things that concern pods with certain labels, found by the pod's labels without asking each. */
export class AnchoredQueries<T> {
  readonly #anchored = new Map<string, Map<string, Set<T>>>();
  readonly #everywhere = new Set<T>();

  add(query: T, anchor: Anchor | undefined): void {
    if (anchor === undefined) this.#everywhere.add(query);
    for (const value of anchor?.values ?? []) this.#bucket(anchor?.key ?? '', value).add(query);
  }

  delete(query: T, anchor: Anchor | undefined): void {
    this.#everywhere.delete(query);
    for (const value of anchor?.values ?? []) {
      const byValue = this.#anchored.get(anchor?.key ?? '');
      const bucket = byValue?.get(value);
      bucket?.delete(query);
      if (bucket?.size === 0) byValue?.delete(value);
      if (byValue?.size === 0) this.#anchored.delete(anchor?.key ?? '');
    }
  }

  /** Everything that may concern a pod with these labels, each once. */
  *candidates(labels: Labels): Generator<T> {
    yield* this.#everywhere;
    if (labels === undefined || this.#anchored.size === 0) return;
    for (const [key, byValue] of this.#anchored) {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      yield* (value === undefined ? undefined : byValue.get(value)) ?? NONE;
    }
  }

  #bucket(key: string, value: string): Set<T> {
    let byValue = this.#anchored.get(key);
    if (byValue === undefined) {
      byValue = new Map();
      this.#anchored.set(key, byValue);
    }
    let bucket = byValue.get(value);
    if (bucket === undefined) {
      bucket = new Set();
      byValue.set(value, bucket);
    }
    return bucket;
  }
}
