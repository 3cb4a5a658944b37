import type { NodeInfo } from '../../snapshot/node-info.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';
import { AffinityReader, type AffinityTerm } from './affinity-terms.ts';
import { AnchoredQueries } from './anchored-queries.ts';
import type { DomainCounts } from './domain-counts.ts';
import { Tally } from './tally.ts';

/** What the carried terms need of the index around them. */
export interface CarriedTermsHost {
  viewOf(tally: Tally, topologyKey: string): DomainCounts;
  dropView(view: DomainCounts): void;
  concerns(term: AffinityTerm, pod: PodInfo): boolean;
}

/** A term that placed pods have, with how many of its bearers each domain has. */
export interface CarriedTerm {
  readonly term: AffinityTerm;
  /** Of a preferred term, negative for anti-affinity; undefined: the term is required. */
  readonly weight: number | undefined;
  readonly tally: Tally;
  view: DomainCounts;
}

/** The terms of placed pods that speak about pods to come: required anti-affinity, and everything that scores. */
export class CarriedTerms {
  readonly reader = new AffinityReader();
  readonly #host: CarriedTermsHost;
  readonly #repelling = new Map<string, CarriedTerm>();
  readonly #scoring = new Map<string, CarriedTerm>();
  readonly #repellingQueries = new AnchoredQueries<CarriedTerm>();
  readonly #scoringQueries = new AnchoredQueries<CarriedTerm>();

  constructor(host: CarriedTermsHost) {
    this.#host = host;
  }

  /** Required anti-affinity of placed pods that keeps this pod out of their domains. */
  repelling(pod: PodInfo): CarriedTerm[] {
    return this.#concerning(this.#repellingQueries, pod);
  }

  /** Terms of placed pods that raise or lower the score of their domains for this pod. */
  scoring(pod: PodInfo): CarriedTerm[] {
    return this.#concerning(this.#scoringQueries, pod);
  }

  move(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    const { required, requiredAnti, preferred } = this.reader.termsOf(pod.pod);
    for (const term of requiredAnti) this.#add(this.#repelling, this.#repellingQueries, term, undefined, node, delta);
    for (const term of preferred) this.#add(this.#scoring, this.#scoringQueries, term, term.weight, node, delta);
    for (const term of required) this.#add(this.#scoring, this.#scoringQueries, term, undefined, node, delta);
  }

  /** Has the index keep the views of the terms again, after it dropped all. */
  keepViews(): void {
    for (const carried of [...this.#repelling.values(), ...this.#scoring.values()]) {
      carried.tally.dropViews();
      carried.view = this.#host.viewOf(carried.tally, carried.term.topologyKey);
    }
  }

  #concerning(queries: AnchoredQueries<CarriedTerm>, pod: PodInfo): CarriedTerm[] {
    const found: CarriedTerm[] = [];
    for (const carried of queries.candidates(pod.pod.metadata.labels)) {
      if (this.#host.concerns(carried.term, pod)) found.push(carried);
    }
    return found;
  }

  #add(
    terms: Map<string, CarriedTerm>,
    queries: AnchoredQueries<CarriedTerm>,
    term: AffinityTerm,
    weight: number | undefined,
    node: NodeInfo,
    delta: 1 | -1,
  ): void {
    const text = `${weight ?? ''}|${term.text}`;
    let carried = terms.get(text);
    if (carried === undefined) {
      const tally = new Tally();
      carried = { term, weight, tally, view: this.#host.viewOf(tally, term.topologyKey) };
      terms.set(text, carried);
      queries.add(carried, term.selector.anchor);
    }
    carried.tally.add(node.slot, delta);
    if (!carried.tally.isEmpty) return;
    terms.delete(text);
    queries.delete(carried, term.selector.anchor);
    this.#host.dropView(carried.view);
  }
}
