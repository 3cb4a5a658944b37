import type { NodeInfo } from '../../snapshot/node-info.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';
import type { Anchor } from './selector.ts';

export interface PlacedPod {
  readonly pod: PodInfo;
  readonly node: NodeInfo;
}

/** The placed pods by namespace, and by those labels that were ever asked for. */
export class PodDirectory {
  readonly #all = new Map<string, PlacedPod>();
  readonly #byNamespace = new Map<string, Set<PlacedPod>>();
  readonly #byLabel = new Map<string, Map<string, Set<PlacedPod>>>();

  add(pod: PodInfo, node: NodeInfo): void {
    const placed: PlacedPod = { pod, node };
    this.#all.set(pod.uid, placed);
    into(this.#byNamespace, pod.namespace, placed);
    for (const [key, byValue] of this.#byLabel) {
      const value = labelOf(pod, key);
      if (value !== undefined) into(byValue, value, placed);
    }
  }

  remove(pod: PodInfo): void {
    const placed = this.#all.get(pod.uid);
    if (placed === undefined) return;
    this.#all.delete(pod.uid);
    outOf(this.#byNamespace, pod.namespace, placed);
    for (const [key, byValue] of this.#byLabel) {
      const value = labelOf(pod, key);
      if (value !== undefined) outOf(byValue, value, placed);
    }
  }

  inNamespace(namespace: string): Iterable<PlacedPod> {
    return this.#byNamespace.get(namespace) ?? [];
  }

  /** The pods that may match: a superset of those with the label in those namespaces. */
  *candidates(anchor: Anchor | undefined, namespaces: ReadonlySet<string> | undefined): Generator<PlacedPod> {
    if (anchor !== undefined) {
      const byValue = this.#valuesOf(anchor.key);
      for (const value of anchor.values) yield* byValue.get(value) ?? [];
    } else if (namespaces !== undefined) {
      for (const namespace of namespaces) yield* this.inNamespace(namespace);
    } else {
      yield* this.#all.values();
    }
  }

  #valuesOf(key: string): Map<string, Set<PlacedPod>> {
    let byValue = this.#byLabel.get(key);
    if (byValue === undefined) {
      byValue = new Map();
      this.#byLabel.set(key, byValue);
      for (const placed of this.#all.values()) {
        const value = labelOf(placed.pod, key);
        if (value !== undefined) into(byValue, value, placed);
      }
    }
    return byValue;
  }
}

function labelOf({ pod }: PodInfo, key: string): string | undefined {
  const { labels } = pod.metadata;
  return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function into(sets: Map<string, Set<PlacedPod>>, key: string, placed: PlacedPod): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([placed]));
  else set.add(placed);
}

function outOf(sets: Map<string, Set<PlacedPod>>, key: string, placed: PlacedPod): void {
  const set = sets.get(key);
  set?.delete(placed);
  if (set?.size === 0) sets.delete(key);
}
