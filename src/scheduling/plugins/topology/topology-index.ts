import type { KubeObject } from '../../../model/index.ts';
import type { NodeInfo } from '../../snapshot/node-info.ts';
import type { PodInfo } from '../../snapshot/pod-info.ts';
import type { SnapshotListener } from '../../snapshot/snapshot-listener.ts';
import { type AffinityTerm, matchesQuery, type PodQuery } from './affinity-terms.ts';
import { AnchoredQueries } from './anchored-queries.ts';
import { CarriedTerms } from './carried-terms.ts';
import { DomainCounts } from './domain-counts.ts';
import { DomainSizes } from './domain-sizes.ts';
import { isIn, NamespaceLabels } from './namespaces.ts';
import { NodeSet } from './node-set.ts';
import { PodDirectory } from './pod-directory.ts';
import { Tally } from './tally.ts';
import { TopologyColumn } from './topology-column.ts';

/** How much is kept at a time; beyond it all is dropped, and comes back as it is asked for. */
export interface TopologyIndexLimits {
  /** Questions about pods; default 8192. */
  readonly queries?: number;
  /** Sets of nodes; default 512. */
  readonly nodeSets?: number;
  /** Topology keys; default 256. */
  readonly columns?: number;
}

/** Which pods are counted: those that match all of the queries. */
export interface Census {
  readonly queries: readonly PodQuery[];
  /** Leaves out pods that are being deleted, as spreading does. */
  readonly withoutTerminating?: boolean;
}

/** The pods of a census by node, and what every domain has of them. */
interface Counted {
  readonly census: Census;
  readonly tally: Tally;
}

/**
 * Counts of pods by domain for affinity and spreading. Each question is answered from scratch once; from then on every
 * placed or displaced pod and every changed node moves only the counts it touches, found by a label that the pods of the
 * question must have.
 */
export class TopologyIndex implements SnapshotListener {
  readonly namespaces = new NamespaceLabels();
  readonly carried = new CarriedTerms(this);
  readonly #columns = new Map<string, TopologyColumn>();
  readonly #nodeSets = new Map<string, NodeSet>();
  readonly #sizes = new Map<string, DomainSizes>();
  readonly #nodes = new Map<number, NodeInfo>();
  readonly #directory = new PodDirectory();
  #counted = new Map<string, Counted>();
  #queries = new AnchoredQueries<Counted>();
  /** What sums over domains, by what decides where a node counts in it. */
  #sumsOf = new Map<TopologyColumn | NodeSet, Set<DomainCounts | DomainSizes>>();

  readonly #most: Required<TopologyIndexLimits>;
  /** What is kept has to go before the next change: not at once, for a cycle may hold some of it. */
  #isFull = false;

  constructor({ queries = 8192, nodeSets = 512, columns = 256 }: TopologyIndexLimits = {}) {
    this.#most = { queries, nodeSets, columns };
  }

  column(key: string): TopologyColumn {
    let column = this.#columns.get(key);
    if (column === undefined) {
      if (this.#columns.size >= this.#most.columns) this.#isFull = true;
      column = new TopologyColumn(key);
      this.#columns.set(key, column);
      for (const [slot, node] of this.#nodes) column.set(slot, labelValue(node, key));
    }
    return column;
  }

  /** The nodes that meet the condition, which `text` names: equal texts must mean equal conditions. */
  nodeSet(text: string, condition: (node: NodeInfo) => boolean): NodeSet {
    let set = this.#nodeSets.get(text);
    if (set === undefined) {
      if (this.#nodeSets.size >= this.#most.nodeSets) this.#isFull = true;
      set = new NodeSet(text, condition);
      this.#nodeSets.set(text, set);
      for (const [slot, node] of this.#nodes) set.set(slot, set.admits(node));
    }
    return set;
  }

  /** How many pods of the census each domain has, on all nodes or on those of a set. */
  count(census: Census, topologyKey: string, nodes?: NodeSet): DomainCounts {
    return this.viewOf(this.tallyOf(census), topologyKey, nodes);
  }

  /** How many pods of the census each node has. */
  tallyOf(census: Census): Tally {
    const text = censusText(census);
    let counted = this.#counted.get(text);
    if (counted === undefined) {
      if (this.#counted.size >= this.#most.queries) this.#isFull = true;
      counted = { census, tally: new Tally() };
      this.#counted.set(text, counted);
      this.#queries.add(counted, anchorOf(census));
      for (const { pod, node } of this.#directory.candidates(anchorOf(census), namesOf(census))) {
        if (this.matches(census, pod)) counted.tally.add(node.slot, 1);
      }
    }
    return counted.tally;
  }

  viewOf(tally: Tally, topologyKey: string, nodes?: NodeSet): DomainCounts {
    const column = this.column(topologyKey);
    const sizes = nodes === undefined ? undefined : this.#sizesOf(column, nodes);
    const known = tally.view(column, sizes);
    if (known !== undefined) return known;
    const view = tally.addView(column, sizes);
    this.#follow(view);
    return view;
  }

  /** Counts of nothing, for a trial to add to. */
  emptyView(topologyKey: string): DomainCounts {
    return new DomainCounts(new Tally(), this.column(topologyKey), undefined);
  }

  /** The view of a tally that is no longer kept. */
  dropView(view: DomainCounts): void {
    this.#sumsOf.get(view.column)?.delete(view);
    if (view.nodes !== undefined) this.#sumsOf.get(view.nodes)?.delete(view);
  }

  matches({ queries, withoutTerminating = false }: Census, pod: PodInfo): boolean {
    if (withoutTerminating && pod.terminatingUntil !== undefined) return false;
    return queries.every((query) => matchesQuery(query, pod, this.namespaces));
  }

  podPlaced(pod: PodInfo, node: NodeInfo): void {
    this.#makeRoom();
    this.#directory.add(pod, node);
    this.#move(pod, node, 1);
  }

  podDisplaced(pod: PodInfo, node: NodeInfo): void {
    this.#makeRoom();
    this.#directory.remove(pod);
    this.#move(pod, node, -1);
  }

  nodeChanged(node: NodeInfo): void {
    this.#makeRoom();
    this.#nodes.set(node.slot, node);
    this.#settle(node);
  }

  nodeRemoved(node: NodeInfo): void {
    this.#settle(node);
    this.#nodes.delete(node.slot);
  }

  objectChanged(object: KubeObject): void {
    if (object.kind === 'Namespace') this.#setNamespace(object.metadata.name, object.metadata.labels ?? {});
  }

  objectDeleted(object: KubeObject): void {
    if (object.kind === 'Namespace') this.#setNamespace(object.metadata.name, undefined);
  }

  #setNamespace(name: string, labels: Readonly<Record<string, string>> | undefined): void {
    const bySelector = [...this.#counted.values()].filter(({ census }) =>
      census.queries.some(({ namespaces }) => namespaces.selector !== undefined),
    );
    const pods = bySelector.length === 0 ? [] : [...this.#directory.inNamespace(name)];
    const moved = bySelector.flatMap((counted) =>
      pods.map(({ pod, node }) => ({ counted, pod, node, before: this.matches(counted.census, pod) })),
    );
    this.namespaces.set(name, labels);
    for (const { counted, pod, node, before } of moved) {
      const delta = Number(this.matches(counted.census, pod)) - Number(before);
      if (delta !== 0) counted.tally.add(node.slot, delta);
    }
  }

  /** Whether a term's namespaces and selector match the pod. */
  concerns(term: AffinityTerm, pod: PodInfo): boolean {
    return isIn(term.namespaces, pod.namespace, this.namespaces) && term.selector.matches(pod.pod.metadata.labels);
  }

  #sizesOf(column: TopologyColumn, nodes: NodeSet): DomainSizes {
    const text = `${column.key} ${nodes.text}`;
    let sizes = this.#sizes.get(text);
    if (sizes === undefined) {
      sizes = new DomainSizes(column, nodes);
      for (const slot of this.#nodes.keys()) sizes.enter(slot);
      this.#sizes.set(text, sizes);
      this.#follow(sizes);
    }
    return sizes;
  }

  #follow(sums: DomainCounts | DomainSizes): void {
    for (const decider of sums.nodes === undefined ? [sums.column] : [sums.column, sums.nodes]) {
      const known = this.#sumsOf.get(decider);
      if (known === undefined) this.#sumsOf.set(decider, new Set([sums]));
      else known.add(sums);
    }
  }

  #move(pod: PodInfo, node: NodeInfo, delta: 1 | -1): void {
    for (const counted of this.#queries.candidates(pod.pod.metadata.labels)) {
      if (this.matches(counted.census, pod)) counted.tally.add(node.slot, delta);
    }
    this.carried.move(pod, node, delta);
  }

  /** Moves what the node counts for to where it belongs now. */
  #settle(node: NodeInfo): void {
    const { slot } = node;
    const present = node.node !== undefined;
    const columns = [...this.#columns.values()].filter(
      (column) => column.valueOn(slot) !== (present ? labelValue(node, column.key) : undefined),
    );
    const sets = [...this.#nodeSets.values()].filter((set) => set.has(slot) !== set.admits(node));
    const sums = new Set([...columns, ...sets].flatMap((decider) => [...(this.#sumsOf.get(decider) ?? [])]));
    for (const each of sums) each.leave(slot);
    for (const column of columns) column.set(slot, present ? labelValue(node, column.key) : undefined);
    for (const set of sets) set.set(slot, set.admits(node));
    for (const each of sums) each.enter(slot);
  }

  #makeRoom(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#counted = new Map();
    this.#queries = new AnchoredQueries();
    this.#nodeSets.clear();
    this.#columns.clear();
    this.#sizes.clear();
    this.#sumsOf = new Map();
    this.carried.keepViews();
  }
}

function labelValue({ labels }: NodeInfo, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function censusText({ queries, withoutTerminating = false }: Census): string {
  const text = queries.map(({ namespaces, selector }) => `${namespaces.text}|${selector.text}`).join('&');
  return withoutTerminating ? `${text}!` : text;
}

function anchorOf({ queries }: Census) {
  return queries.find(({ selector }) => selector.anchor !== undefined)?.selector.anchor;
}

/** The namespaces all of its pods are in, where that is known from a list. */
function namesOf({ queries }: Census): ReadonlySet<string> | undefined {
  return queries.find(({ namespaces }) => namespaces.selector === undefined)?.namespaces.names;
}
