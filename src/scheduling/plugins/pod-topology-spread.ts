import type { KubeObject } from '../../model/index.ts';
import { MAX_NODE_SCORE } from '../constants.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { FilterPlugin, PreFilterPlugin, PreScorePlugin, Rejection, ScorePlugin } from '../framework/phases.ts';
import type { NodeChange, NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { matchesNodeAffinity } from './node-selector-terms.ts';
import type { DefaultSelectors } from './spread/default-selector.ts';
import {
  ConstraintReader,
  type DefaultConstraint,
  HOSTNAME,
  type SpreadConstraint,
  SYSTEM_DEFAULT_CONSTRAINTS,
  type WhenUnsatisfiable,
  withSelector,
} from './spread/spread-constraint.ts';
import { untolerated } from './tolerations.ts';
import type { DomainCounts } from './topology/domain-counts.ts';
import { namespaceSet } from './topology/namespaces.ts';
import type { NodeSet } from './topology/node-set.ts';
import type { Tally } from './topology/tally.ts';
import { NO_DOMAIN, type TopologyColumn } from './topology/topology-column.ts';
import type { Census, TopologyIndex } from './topology/topology-index.ts';
import { TrialCounts } from './topology/trial-counts.ts';

/** `PodTopologySpreadArgs`. */
export interface PodTopologySpreadArgs {
  /** `System` (the default): by host name and zone, preferred only. `List`: `defaultConstraints`. */
  readonly defaultingType?: 'System' | 'List';
  readonly defaultConstraints?: readonly DefaultConstraint[];
}

const SKEWED: Rejection = {
  plugin: 'PodTopologySpread',
  reasons: ["node(s) didn't match pod topology spread constraints"],
  resolvable: true,
};
const NO_LABEL: Rejection = {
  plugin: 'PodTopologySpread',
  reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"],
  resolvable: false,
};
/** Kinds whose selectors default constraints go by. */
const SELECTING = ['Service', 'ReplicaSet', 'StatefulSet', 'ReplicationController'];
/** Raw score of a node without the labels: it is left out of the comparison. */
const IGNORED = -1;

interface Required {
  readonly constraint: SpreadConstraint;
  readonly census: Census;
  readonly counts: TrialCounts;
  /** 1 when the pod itself counts in its domain. */
  readonly self: number;
}

interface Preferred {
  readonly constraint: SpreadConstraint;
  readonly column: TopologyColumn;
  readonly tally: Tally;
  /** Undefined by host name: there the node's own pods count. */
  readonly view: DomainCounts | undefined;
  /** Makes counts of few large domains and of many small ones comparable: log(domains + 2). */
  readonly weight: number;
}

interface PreferredState {
  readonly constraints: readonly Preferred[];
  /** Of the nodes that can take the pod, in their order. */
  readonly slots: Int32Array;
  /** 1 for each of those that is left out. */
  readonly ignored: Uint8Array;
  /** Whether nodes that lack one of the labels are left out. */
  readonly requiresAll: boolean;
}

/** How the nodes lie in the domains of some constraints. */
interface Terrain {
  readonly slots: Int32Array;
  /** 1 for the nodes left out. */
  readonly ignored: Uint8Array;
  /** Domains by constraint. */
  readonly sizes: readonly number[];
}

const REQUIRED = new StateKey<readonly Required[]>('PodTopologySpread');
const PREFERRED = new StateKey<PreferredState>('PodTopologySpread/score');

/**
 * Spreads the pods that a selector matches evenly over the domains of a topology key: `DoNotSchedule` keeps out of domains
 * that have `maxSkew` more than the emptiest, `ScheduleAnyway` prefers those that have fewer.
 */
export class PodTopologySpread implements PreFilterPlugin, FilterPlugin, PreScorePlugin, ScorePlugin {
  readonly name = 'PodTopologySpread';
  readonly hints = {
    NodeChanged: (_pod: PodInfo, { change }: { change: NodeChange }) => change.added || change.labels || change.taints,
    // With a domain gone, the emptiest one that is left may be fuller.
    NodeDeleted: () => true,
    RoomFreed: (pod: PodInfo, { pod: gone }: { pod: PodInfo }) => this.#counts(pod, gone),
    PodAssumed: (pod: PodInfo, { pod: placed }: { pod: PodInfo }) => this.#counts(pod, placed),
    PlacedPodChanged: (pod: PodInfo, { pod: placed, before }: { pod: PodInfo; before?: PodInfo | undefined }) =>
      this.#counts(pod, placed) || (before !== undefined && this.#counts(pod, before)),
    ObjectChanged: (pod: PodInfo, { object }: { object: KubeObject }) =>
      (pod.pod.spec.topologySpreadConstraints ?? []).length === 0 && SELECTING.includes(object.kind),
  };
  readonly #index: TopologyIndex;
  readonly #selectors: DefaultSelectors;
  readonly #defaults: readonly DefaultConstraint[];
  readonly #isSystemDefaulted: boolean;
  readonly #reader = new ConstraintReader();
  readonly #terrains = new WeakMap<readonly NodeInfo[], Map<string, Terrain>>();
  #cycle: Cycle | undefined;
  #required: readonly Required[] = [];

  constructor(
    index: TopologyIndex,
    selectors: DefaultSelectors,
    { defaultingType = 'System', defaultConstraints = [] }: PodTopologySpreadArgs = {},
  ) {
    this.#index = index;
    this.#selectors = selectors;
    this.#isSystemDefaulted = defaultingType === 'System';
    this.#defaults = this.#isSystemDefaulted ? SYSTEM_DEFAULT_CONSTRAINTS : defaultConstraints;
  }

  preFilter(cycle: Cycle): 'skip' | undefined {
    const { pod } = cycle;
    const constraints = this.#constraintsOf(pod, 'DoNotSchedule');
    this.#cycle = undefined;
    if (constraints.length === 0) return 'skip';
    const keys = constraints.map(({ topologyKey }) => topologyKey);
    const required = constraints.map((constraint): Required => {
      const census = censusOf(constraint, pod);
      const nodes = this.#countedNodes(constraint, keys, pod);
      return {
        constraint,
        census,
        counts: new TrialCounts(this.#index.count(census, constraint.topologyKey, nodes)),
        self: constraint.selector.matches(pod.pod.metadata.labels) ? 1 : 0,
      };
    });
    cycle.write(REQUIRED, required);
    return undefined;
  }

  addPod(cycle: Cycle, pod: PodInfo, node: NodeInfo): void {
    this.#change(cycle, pod, node, 1);
  }

  removePod(cycle: Cycle, pod: PodInfo, node: NodeInfo): void {
    this.#change(cycle, pod, node, -1);
  }

  filter(cycle: Cycle, { slot }: NodeInfo): Rejection | undefined {
    for (const { constraint, counts, self } of this.#stateOf(cycle)) {
      const count = counts.on(slot);
      if (count === undefined) return NO_LABEL;
      const minimum = counts.view.domains < constraint.minDomains ? 0 : counts.minimum;
      if (count + self - minimum > constraint.maxSkew) return SKEWED;
    }
    return undefined;
  }

  preScore(cycle: Cycle, nodes: readonly NodeInfo[]): 'skip' | undefined {
    const { pod } = cycle;
    const constraints = this.#constraintsOf(pod, 'ScheduleAnyway');
    if (constraints.length === 0) return 'skip';
    const requiresAll = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0 || !this.#isSystemDefaulted;
    const keys = requiresAll ? constraints.map(({ topologyKey }) => topologyKey) : [];
    const counted = constraints.map((constraint) => {
      const tally = this.#index.tallyOf(censusOf(constraint, pod));
      const { topologyKey } = constraint;
      const view =
        topologyKey === HOSTNAME
          ? undefined
          : this.#index.viewOf(tally, topologyKey, this.#countedNodes(constraint, keys, pod));
      return { constraint, tally, view, column: this.#index.column(topologyKey) };
    });
    const { slots, ignored, sizes } = this.#terrainOf(nodes, counted, requiresAll);
    const weighted = counted.map((entry, index): Preferred => {
      return { ...entry, weight: Math.log((sizes[index] ?? 0) + 2) };
    });
    cycle.write(PREFERRED, { slots, ignored, requiresAll, constraints: weighted });
    return undefined;
  }

  score(cycle: Cycle, { slot }: NodeInfo): number {
    const state = cycle.read(PREFERRED);
    let score = 0;
    for (const { constraint, column, view, tally, weight } of state?.constraints ?? []) {
      const domain = column.domains[slot] ?? NO_DOMAIN;
      if (domain === NO_DOMAIN) {
        if (state?.requiresAll === true) return IGNORED;
        continue;
      }
      const count = view === undefined ? tally.on(slot) : view.get(domain);
      score += count * weight + (constraint.maxSkew - 1);
    }
    return Math.round(score);
  }

  /** The same as `score`, constraint by constraint over arrays: this is asked about every node for every pod. */
  scoreAll(cycle: Cycle, _nodes: readonly NodeInfo[], scores: Float64Array): void {
    const state = cycle.read(PREFERRED);
    if (state === undefined) return;
    const { slots, ignored, constraints } = state;
    for (const { constraint, column, view, tally, weight } of constraints) {
      const { domains } = column;
      const tolerance = constraint.maxSkew - 1;
      for (let index = 0; index < slots.length; index++) {
        const slot = slots[index] ?? 0;
        const domain = domains[slot] ?? NO_DOMAIN;
        if (domain === NO_DOMAIN) continue;
        const count = view === undefined ? tally.on(slot) : view.get(domain);
        scores[index] = (scores[index] ?? 0) + count * weight + tolerance;
      }
    }
    for (let index = 0; index < slots.length; index++) {
      scores[index] = ignored[index] === 1 ? IGNORED : Math.round(scores[index] ?? 0);
    }
  }

  normalize(_cycle: Cycle, scores: Float64Array): void {
    let lowest = Infinity;
    let highest = 0;
    for (let index = 0; index < scores.length; index++) {
      const score = scores[index] ?? IGNORED;
      if (score === IGNORED) continue;
      if (score < lowest) lowest = score;
      if (score > highest) highest = score;
    }
    for (let index = 0; index < scores.length; index++) {
      const score = scores[index] ?? IGNORED;
      if (score === IGNORED) scores[index] = 0;
      else if (highest === 0) scores[index] = MAX_NODE_SCORE;
      else scores[index] = Math.trunc((MAX_NODE_SCORE * (highest + lowest - score)) / highest);
    }
  }

  /** Whether the other pod is among those that the pod is spread among, in any domain. */
  #counts(pod: PodInfo, other: PodInfo): boolean {
    return (
      pod.namespace === other.namespace &&
      this.#constraintsOf(pod, 'DoNotSchedule').some(({ selector }) => selector.matches(other.pod.metadata.labels))
    );
  }

  /** Remembered per array of nodes: it is the same one from pod to pod as long as no node object changes. */
  #terrainOf(
    nodes: readonly NodeInfo[],
    counted: readonly { readonly constraint: SpreadConstraint; readonly column: TopologyColumn }[],
    requiresAll: boolean,
  ): Terrain {
    let known = this.#terrains.get(nodes);
    if (known === undefined) {
      known = new Map();
      this.#terrains.set(nodes, known);
    }
    const key = `${requiresAll} ${counted.map(({ constraint }) => constraint.topologyKey).join(' ')}`;
    let terrain = known.get(key);
    if (terrain === undefined) {
      const slots = slotsOf(nodes);
      const columns = counted.map(({ column }) => column);
      const ignored = requiresAll ? lackingLabels(columns, slots) : new Uint8Array(slots.length);
      // By host name every node is a domain.
      const sizes = counted.map(({ constraint, column }) =>
        constraint.topologyKey === HOSTNAME ? zeros(ignored) : domainsAmong(column, slots, ignored),
      );
      terrain = { slots, ignored, sizes };
      known.set(key, terrain);
    }
    return terrain;
  }

  #constraintsOf(pod: PodInfo, when: WhenUnsatisfiable): readonly SpreadConstraint[] {
    if ((pod.pod.spec.topologySpreadConstraints ?? []).length > 0) {
      const { required, preferred } = this.#reader.of(pod.pod);
      return when === 'DoNotSchedule' ? required : preferred;
    }
    const defaults = this.#defaults.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === when);
    const selector = defaults.length === 0 ? undefined : this.#selectors.of(pod.pod);
    return selector === undefined ? [] : defaults.map((constraint) => withSelector(constraint, selector));
  }

  /** The nodes whose pods count: they have all the labels, and are open to the pod as far as the constraint asks. */
  #countedNodes(constraint: SpreadConstraint, keys: readonly string[], pod: PodInfo): NodeSet {
    const { spec } = pod.pod;
    const affinity = constraint.honorsNodeAffinity
      ? [spec.nodeSelector, spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution]
      : [];
    const tolerations = constraint.honorsTaints ? (spec.tolerations ?? []) : undefined;
    return this.#index.nodeSet(
      JSON.stringify([keys, affinity, tolerations]),
      (node) =>
        keys.every((key) => Object.hasOwn(node.labels, key)) &&
        (!constraint.honorsNodeAffinity || matchesNodeAffinity(spec, node)) &&
        (tolerations === undefined || untolerated(tolerations, node.hardTaints) === undefined),
    );
  }

  #change(cycle: Cycle, pod: PodInfo, { slot }: NodeInfo, delta: 1 | -1): void {
    for (const { census, counts } of this.#stateOf(cycle)) {
      if (this.#index.matches(census, pod)) counts.add(slot, delta);
    }
  }

  #stateOf(cycle: Cycle): readonly Required[] {
    if (cycle !== this.#cycle) {
      this.#cycle = cycle;
      this.#required = cycle.read(REQUIRED) ?? [];
    }
    return this.#required;
  }
}

/** Pods of the same namespace that the selector matches and that are not on their way out; an empty selector counts none. */
function censusOf({ selector }: SpreadConstraint, { namespace }: PodInfo): Census {
  const namespaces = namespaceSet(selector.isEmpty ? [] : [namespace], undefined);
  return { queries: [{ namespaces, selector }], withoutTerminating: true };
}

function slotsOf(nodes: readonly NodeInfo[]): Int32Array {
  const slots = new Int32Array(nodes.length);
  for (let index = 0; index < slots.length; index++) slots[index] = nodes[index]?.slot ?? 0;
  return slots;
}

/** 1 for each node that lacks one of the labels. */
function lackingLabels(columns: readonly TopologyColumn[], slots: Int32Array): Uint8Array {
  const lacking = new Uint8Array(slots.length);
  for (const { domains } of columns) {
    for (let index = 0; index < slots.length; index++) {
      if ((domains[slots[index] ?? 0] ?? NO_DOMAIN) === NO_DOMAIN) lacking[index] = 1;
    }
  }
  return lacking;
}

/** How many domains of the column the nodes are in; those without the label are in one together, as upstream counts them. */
function domainsAmong({ domains, size }: TopologyColumn, slots: Int32Array, ignored: Uint8Array): number {
  const seen = new Uint8Array(size + 1);
  let count = 0;
  for (let index = 0; index < slots.length; index++) {
    const place = (domains[slots[index] ?? 0] ?? NO_DOMAIN) + 1;
    if (ignored[index] === 1 || seen[place] === 1) continue;
    seen[place] = 1;
    count += 1;
  }
  return count;
}

function zeros(bytes: Uint8Array): number {
  let count = 0;
  for (let index = 0; index < bytes.length; index++) if (bytes[index] === 0) count += 1;
  return count;
}
