import type { Selector } from './selector.ts';

type Labels = Readonly<Record<string, string>>;
const NO_LABELS: Labels = {};

/** Labels of the namespaces; one that nobody told of has none. */
export class NamespaceLabels {
  readonly #labels = new Map<string, Labels>();

  of(namespace: string): Labels {
    return this.#labels.get(namespace) ?? NO_LABELS;
  }

  set(namespace: string, labels: Labels | undefined): void {
    if (labels === undefined) this.#labels.delete(namespace);
    else this.#labels.set(namespace, labels);
  }
}

/** The namespaces a pod affinity term speaks of: those listed and those selected by their labels. */
export interface NamespaceSet {
  readonly text: string;
  readonly names: ReadonlySet<string>;
  readonly selector: Selector | undefined;
}

export function namespaceSet(names: readonly string[], selector: Selector | undefined): NamespaceSet {
  const sorted = [...new Set(names)].sort();
  return {
    text: selector === undefined ? sorted.join(',') : `${sorted.join(',')};${selector.text}`,
    names: new Set(sorted),
    selector,
  };
}

export function isIn(set: NamespaceSet, namespace: string, labels: NamespaceLabels): boolean {
  return set.names.has(namespace) || (set.selector?.matches(labels.of(namespace)) ?? false);
}
