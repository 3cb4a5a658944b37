import type { LabelSelector, LabelSelectorRequirement, Pod } from '../../../model/index.ts';
import { isIn, type NamespaceLabels, type NamespaceSet, namespaceSet } from './namespaces.ts';
import { type Selector, selectorOf } from './selector.ts';

/** Pods by namespace and labels. */
export interface PodQuery {
  readonly namespaces: NamespaceSet;
  readonly selector: Selector;
}

/** A term of pod affinity or anti-affinity made ready. Equal terms have equal `text`. */
export interface AffinityTerm extends PodQuery {
  readonly text: string;
  readonly topologyKey: string;
}

export interface WeightedAffinityTerm extends AffinityTerm {
  /** Negative for anti-affinity. */
  readonly weight: number;
}

export interface AffinityTerms {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  /** Preferred affinity and anti-affinity. */
  readonly preferred: readonly WeightedAffinityTerm[];
}

type Affinity = NonNullable<Pod['spec']['affinity']>;
type Term = NonNullable<
  NonNullable<Affinity['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>[number] & { matchLabelKeys?: string[]; mismatchLabelKeys?: string[] };

const NO_TERMS: AffinityTerms = { required: [], requiredAnti: [], preferred: [] };
const REMEMBERED = 4096;

interface Read {
  /** Labels of the pod that its own terms refer to. */
  readonly keys: readonly string[];
  readonly byPod: Map<string, AffinityTerms>;
}

/** Reads the terms of pods; pods of one namespace that share their affinity (those of one template) share the terms. */
export class AffinityReader {
  readonly #known = new WeakMap<Affinity, Read>();

  termsOf(pod: Pod): AffinityTerms {
    const { affinity } = pod.spec;
    if (affinity?.podAffinity === undefined && affinity?.podAntiAffinity === undefined) return NO_TERMS;
    let read = this.#known.get(affinity);
    if (read === undefined) {
      const keys = allTerms(affinity).flatMap((term) => [
        ...(term.matchLabelKeys ?? []),
        ...(term.mismatchLabelKeys ?? []),
      ]);
      read = { keys, byPod: new Map() };
      this.#known.set(affinity, read);
    }
    const { namespace = 'default', labels } = pod.metadata;
    const text =
      read.keys.length === 0 ? namespace : JSON.stringify([namespace, keyRequirements(read.keys, 'In', labels)]);
    let terms = read.byPod.get(text);
    if (terms === undefined) {
      if (read.byPod.size >= REMEMBERED) read.byPod.clear();
      terms = termsOf(affinity, pod);
      read.byPod.set(text, terms);
    }
    return terms;
  }
}

function allTerms({ podAffinity, podAntiAffinity }: Affinity): Term[] {
  return [podAffinity, podAntiAffinity].flatMap((rules) => [
    ...(rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
}

function termsOf({ podAffinity, podAntiAffinity }: Affinity, pod: Pod): AffinityTerms {
  const weighted = (rules: typeof podAffinity, sign: 1 | -1): WeightedAffinityTerm[] =>
    (rules?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
      .filter(({ weight }) => weight !== 0)
      .map(({ weight, podAffinityTerm }) => ({ ...termOf(podAffinityTerm, pod), weight: sign * weight }));
  return {
    required: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => termOf(term, pod)),
    requiredAnti: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) =>
      termOf(term, pod),
    ),
    preferred: [...weighted(podAffinity, 1), ...weighted(podAntiAffinity, -1)],
  };
}

/**
 * Without namespaces and namespace selector a term speaks of the pod's own namespace. `matchLabelKeys` and
 * `mismatchLabelKeys` (KEP-3633) are merged into the selector by the API server; done again here, it changes nothing.
 */
function termOf(term: Term, pod: Pod): AffinityTerm {
  const selector = selectorOf(term.labelSelector as LabelSelector | undefined, [
    ...keyRequirements(term.matchLabelKeys, 'In', pod.metadata.labels),
    ...keyRequirements(term.mismatchLabelKeys, 'NotIn', pod.metadata.labels),
  ]);
  const own = (term.namespaces ?? []).length === 0 && term.namespaceSelector === undefined;
  const namespaces = namespaceSet(
    own ? [pod.metadata.namespace ?? 'default'] : (term.namespaces ?? []),
    term.namespaceSelector === undefined ? undefined : selectorOf(term.namespaceSelector as LabelSelector),
  );
  const { topologyKey } = term;
  return { namespaces, selector, topologyKey, text: `${namespaces.text}|${selector.text}|${topologyKey}` };
}

/** The pod's own values of the keys, as requirements; keys it does not have are left out. */
export function keyRequirements(
  keys: readonly string[] | undefined,
  operator: 'In' | 'NotIn',
  labels: Readonly<Record<string, string>> | undefined,
): LabelSelectorRequirement[] {
  return (keys ?? []).flatMap((key) => {
    const value = labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value === undefined ? [] : [{ key, operator, values: [value] }];
  });
}

export function matchesQuery(
  query: PodQuery,
  pod: { readonly namespace: string; readonly pod: Pod },
  namespaces: NamespaceLabels,
): boolean {
  return query.selector.matches(pod.pod.metadata.labels) && isIn(query.namespaces, pod.namespace, namespaces);
}
