import type { KubeObject } from '../../model/index.ts';
import { MAX_NODE_SCORE } from '../constants.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { FilterPlugin, PreFilterPlugin, PreScorePlugin, Rejection, ScorePlugin } from '../framework/phases.ts';
import type { NodeChange, NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import type { AffinityTerms } from './topology/affinity-terms.ts';
import type { DomainCounts } from './topology/domain-counts.ts';
import { NO_DOMAIN } from './topology/topology-column.ts';
import type { Census, TopologyIndex } from './topology/topology-index.ts';
import { TrialCounts } from './topology/trial-counts.ts';

/** `InterPodAffinityArgs`. */
export interface InterPodAffinityArgs {
  /** What a required affinity term of a placed pod adds to the score of its domain for pods it matches; 0…100, default 1. */
  readonly hardPodAffinityWeight?: number;
  /** Whether preferred terms of placed pods are left out for pods that have none of their own; default false. */
  readonly ignorePreferredTermsOfExistingPods?: boolean;
}

const rejects = (reason: string, resolvable: boolean): Rejection => ({
  plugin: 'InterPodAffinity',
  reasons: [reason],
  resolvable,
});
const NO_AFFINITY = rejects("node(s) didn't match pod affinity rules", false);
const ANTI_AFFINITY = rejects("node(s) didn't match pod anti-affinity rules", true);
const EXISTING_ANTI_AFFINITY = rejects("node(s) didn't satisfy existing pods anti-affinity rules", true);

/** Where the pods are that the incoming pod's required terms speak of, and those whose terms speak of it. */
interface Required {
  readonly terms: AffinityTerms;
  /** Pods that match all affinity terms together. */
  readonly affinityCensus: Census;
  /** By affinity term: such pods by domain. */
  readonly affinity: readonly TrialCounts[];
  /** Whether the pod may start a group of its own. */
  readonly matchesItself: boolean;
  /** By anti-affinity term: pods that match it, by domain. */
  readonly antiAffinity: readonly { readonly census: Census; readonly counts: TrialCounts }[];
  /** Pods that bear an anti-affinity term against the incoming pod, by term and domain. */
  readonly repelling: Map<string, TrialCounts>;
}

interface Weighted {
  readonly view: DomainCounts;
  readonly weight: number;
}

const REQUIRED = new StateKey<Required>('InterPodAffinity');
const PREFERRED = new StateKey<readonly Weighted[]>('InterPodAffinity/score');

/**
 * Required and preferred affinity between pods, both ways: the terms of the incoming pod, and the terms that placed pods
 * bear against or for it. Domains are those of the term's topology key; counts come from the {@link TopologyIndex}, so
 * that a node costs a few reads whatever the number of pods.
 */
export class InterPodAffinity implements PreFilterPlugin, FilterPlugin, PreScorePlugin, ScorePlugin {
  readonly name = 'InterPodAffinity';
  readonly hints = {
    NodeChanged: (_pod: PodInfo, { change }: { change: NodeChange }) => change.added || change.labels,
    // With the node, its pods no longer count in their domain: neither as company nor as those who want none.
    NodeDeleted: () => true,
    RoomFreed: (pod: PodInfo, { pod: gone }: { pod: PodInfo }) => this.#mayHelpGone(pod, gone),
    PodAssumed: (pod: PodInfo, { pod: placed }: { pod: PodInfo }) => this.#attracts(pod, placed),
    PlacedPodChanged: (pod: PodInfo, { pod: placed, before }: { pod: PodInfo; before?: PodInfo | undefined }) =>
      this.#attracts(pod, placed) || (before !== undefined && this.#mayHelpGone(pod, before)),
    ObjectChanged: (pod: PodInfo, { object }: { object: KubeObject }) => this.#heedsNamespace(pod, object),
    ObjectDeleted: (pod: PodInfo, { object }: { object: KubeObject }) => this.#heedsNamespace(pod, object),
  };
  readonly #index: TopologyIndex;
  readonly #hardPodAffinityWeight: number;
  readonly #ignorePreferredTermsOfExistingPods: boolean;
  /** State of the cycle asked about last: looking it up costs more than the answer. */
  #cycle: Cycle | undefined;
  #required: Required | undefined;

  constructor(
    index: TopologyIndex,
    { hardPodAffinityWeight = 1, ignorePreferredTermsOfExistingPods = false }: InterPodAffinityArgs = {},
  ) {
    this.#index = index;
    this.#hardPodAffinityWeight = hardPodAffinityWeight;
    this.#ignorePreferredTermsOfExistingPods = ignorePreferredTermsOfExistingPods;
  }

  preFilter(cycle: Cycle): 'skip' | undefined {
    const index = this.#index;
    const { pod } = cycle;
    const terms = this.#termsOf(pod);
    const repelling = index.carried.repelling(pod);
    this.#cycle = undefined;
    if (terms.required.length === 0 && terms.requiredAnti.length === 0 && repelling.length === 0) return 'skip';
    const affinityCensus = { queries: terms.required };
    cycle.write(REQUIRED, {
      terms,
      affinityCensus,
      affinity: terms.required.map(({ topologyKey }) => new TrialCounts(index.count(affinityCensus, topologyKey))),
      matchesItself: index.matches(affinityCensus, pod),
      antiAffinity: terms.requiredAnti.map((term) => {
        const census = { queries: [term] };
        return { census, counts: new TrialCounts(index.count(census, term.topologyKey)) };
      }),
      repelling: new Map(repelling.map(({ term, view }) => [term.text, new TrialCounts(view)])),
    });
    return undefined;
  }

  addPod(cycle: Cycle, pod: PodInfo, node: NodeInfo): void {
    this.#change(cycle, pod, node, 1);
  }

  removePod(cycle: Cycle, pod: PodInfo, node: NodeInfo): void {
    this.#change(cycle, pod, node, -1);
  }

  filter(cycle: Cycle, { slot }: NodeInfo): Rejection | undefined {
    const state = this.#stateOf(cycle);
    if (state === undefined) return undefined;
    if (state.affinity.length > 0 && !satisfiesAffinity(state, slot)) return NO_AFFINITY;
    for (const { counts } of state.antiAffinity) if ((counts.on(slot) ?? 0) > 0) return ANTI_AFFINITY;
    for (const counts of state.repelling.values()) if ((counts.on(slot) ?? 0) > 0) return EXISTING_ANTI_AFFINITY;
    return undefined;
  }

  preScore(cycle: Cycle): 'skip' | undefined {
    const index = this.#index;
    const { preferred } = this.#termsOf(cycle.pod);
    const weighted: Weighted[] = preferred.map((term) => ({
      view: index.count({ queries: [term] }, term.topologyKey),
      weight: term.weight,
    }));
    if (preferred.length > 0 || !this.#ignorePreferredTermsOfExistingPods) {
      for (const { view, weight = this.#hardPodAffinityWeight } of index.carried.scoring(cycle.pod)) {
        weighted.push({ view, weight });
      }
    }
    const effective = weighted.filter(({ view, weight }) => weight !== 0 && view.occupied > 0);
    if (effective.length === 0) return 'skip';
    cycle.write(PREFERRED, effective);
    return undefined;
  }

  score(cycle: Cycle, { slot }: NodeInfo): number {
    let score = 0;
    for (const { view, weight } of cycle.read(PREFERRED) ?? []) {
      const domain = view.column.domains[slot] ?? NO_DOMAIN;
      if (domain !== NO_DOMAIN) score += weight * view.get(domain);
    }
    return score;
  }

  scoreAll(cycle: Cycle, nodes: readonly NodeInfo[], scores: Float64Array): void {
    for (const { view, weight } of cycle.read(PREFERRED) ?? []) {
      const { domains } = view.column;
      for (let index = 0; index < nodes.length; index++) {
        const domain = domains[nodes[index]?.slot ?? 0] ?? NO_DOMAIN;
        if (domain !== NO_DOMAIN) scores[index] = (scores[index] ?? 0) + weight * view.get(domain);
      }
    }
  }

  /** 0 always lies within the range, as upstream. */
  normalize(_cycle: Cycle, scores: Float64Array): void {
    let low = 0;
    let high = 0;
    for (let index = 0; index < scores.length; index++) {
      const score = scores[index] ?? 0;
      if (score < low) low = score;
      if (score > high) high = score;
    }
    for (let index = 0; index < scores.length; index++) {
      scores[index] = high > low ? Math.trunc(MAX_NODE_SCORE * (((scores[index] ?? 0) - low) / (high - low))) : 0;
    }
  }

  #termsOf(pod: PodInfo): AffinityTerms {
    return this.#index.carried.reader.termsOf(pod.pod);
  }

  /** Whether the pod wants to be near the other one. */
  #attracts(pod: PodInfo, other: PodInfo): boolean {
    const { required } = this.#termsOf(pod);
    return required.length > 0 && this.#index.matches({ queries: required }, other);
  }

  /**
   * Whether one or the other kept its distance; or whether the pod, with the last of its group gone, may now be the first
   * anywhere.
   */
  #mayHelpGone(pod: PodInfo, gone: PodInfo): boolean {
    const index = this.#index;
    return (
      this.#termsOf(pod).requiredAnti.some((term) => index.concerns(term, gone)) ||
      this.#termsOf(gone).requiredAnti.some((term) => index.concerns(term, pod)) ||
      (this.#attracts(pod, gone) && this.#attracts(pod, pod))
    );
  }

  /** Terms that select namespaces speak of other pods once labels of a namespace change. */
  #heedsNamespace(pod: PodInfo, { kind, metadata }: KubeObject): boolean {
    if (kind !== 'Namespace') return false;
    const { required, requiredAnti } = this.#termsOf(pod);
    // A term of a placed pod may have spoken of this pod by the labels of its namespace.
    if (metadata.name === pod.namespace) return true;
    return [...required, ...requiredAnti].some(({ namespaces }) => namespaces.selector !== undefined);
  }

  #change(cycle: Cycle, pod: PodInfo, { slot }: NodeInfo, delta: 1 | -1): void {
    const state = this.#stateOf(cycle);
    if (state === undefined) return;
    const index = this.#index;
    if (state.affinity.length > 0 && index.matches(state.affinityCensus, pod)) {
      for (const counts of state.affinity) counts.add(slot, delta);
    }
    for (const { census, counts } of state.antiAffinity) if (index.matches(census, pod)) counts.add(slot, delta);
    for (const term of this.#termsOf(pod).requiredAnti) {
      if (!index.concerns(term, cycle.pod)) continue;
      let counts = state.repelling.get(term.text);
      if (counts === undefined) {
        counts = new TrialCounts(index.emptyView(term.topologyKey));
        state.repelling.set(term.text, counts);
      }
      counts.add(slot, delta);
    }
  }

  #stateOf(cycle: Cycle): Required | undefined {
    if (cycle !== this.#cycle) {
      this.#cycle = cycle;
      this.#required = cycle.read(REQUIRED);
    }
    return this.#required;
  }
}

/**
 * Every term's domain must hold a matching pod. Where no pod matches anywhere, a pod that matches its own terms may be the
 * first of its group, on any node that has the labels.
 */
function satisfiesAffinity({ affinity, matchesItself }: Required, slot: number): boolean {
  let found = true;
  for (const counts of affinity) {
    const count = counts.on(slot);
    if (count === undefined) return false;
    if (count <= 0) found = false;
  }
  return found || (matchesItself && affinity.every((counts) => counts.isEmpty));
}
