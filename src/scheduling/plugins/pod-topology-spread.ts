import { MAX_NODE_SCORE } from '../constants.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { FilterPlugin, PreFilterPlugin, PreScorePlugin, Rejection, ScorePlugin } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
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
import { namespaceSet } from './topology/namespaces.ts';
import type { NodeSet } from './topology/node-set.ts';
import type { DomainCounts, Tally } from './topology/tally.ts';
import { NO_DOMAIN } from './topology/topology-column.ts';
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
  readonly view: DomainCounts;
  readonly tally: Tally;
  /** Makes counts of few large domains and of many small ones comparable: log(domains + 2). */
  readonly weight: number;
}

interface PreferredState {
  readonly constraints: readonly Preferred[];
  /** Whether nodes that lack one of the labels are left out. */
  readonly requiresAll: boolean;
}

const REQUIRED = new StateKey<readonly Required[]>('PodTopologySpread');
const PREFERRED = new StateKey<PreferredState>('PodTopologySpread/score');

/**
 * Spreads the pods that a selector matches evenly over the domains of a topology key: `DoNotSchedule` keeps out of domains
 * that have `maxSkew` more than the emptiest, `ScheduleAnyway` prefers those that have fewer.
 */
export class PodTopologySpread implements PreFilterPlugin, FilterPlugin, PreScorePlugin, ScorePlugin {
  readonly name = 'PodTopologySpread';
  readonly #index: TopologyIndex;
  readonly #selectors: DefaultSelectors;
  readonly #defaults: readonly DefaultConstraint[];
  readonly #isSystemDefaulted: boolean;
  readonly #reader = new ConstraintReader();
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
      const view = this.#index.viewOf(tally, constraint.topologyKey, this.#countedNodes(constraint, keys, pod));
      return { constraint, tally, view };
    });
    const sizes = domainSizes(counted, nodes, requiresAll);
    cycle.write(PREFERRED, {
      requiresAll,
      constraints: counted.map((entry, index) => ({ ...entry, weight: Math.log((sizes[index] ?? 0) + 2) })),
    });
    return undefined;
  }

  score(cycle: Cycle, { slot }: NodeInfo): number {
    const state = cycle.read(PREFERRED);
    let score = 0;
    for (const { constraint, view, tally, weight } of state?.constraints ?? []) {
      const domain = view.column.domains[slot] ?? NO_DOMAIN;
      if (domain === NO_DOMAIN) {
        if (state?.requiresAll === true) return IGNORED;
        continue;
      }
      const count = constraint.topologyKey === HOSTNAME ? tally.on(slot) : (view.counts[domain] ?? 0);
      score += count * weight + (constraint.maxSkew - 1);
    }
    return Math.round(score);
  }

  normalize(_cycle: Cycle, scores: Float64Array): void {
    let lowest = Infinity;
    let highest = 0;
    for (const score of scores) {
      if (score === IGNORED) continue;
      lowest = Math.min(lowest, score);
      highest = Math.max(highest, score);
    }
    for (let index = 0; index < scores.length; index++) {
      const score = scores[index] ?? IGNORED;
      if (score === IGNORED) scores[index] = 0;
      else if (highest === 0) scores[index] = MAX_NODE_SCORE;
      else scores[index] = Math.trunc((MAX_NODE_SCORE * (highest + lowest - score)) / highest);
    }
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

/** How many domains of each constraint the nodes are in; by host name every node is one. */
function domainSizes(
  constraints: readonly { readonly constraint: SpreadConstraint; readonly view: DomainCounts }[],
  nodes: readonly NodeInfo[],
  requiresAll: boolean,
): number[] {
  const columns = constraints.map(({ view }) => view.column);
  const seen = columns.map((column) => new Uint8Array(column.size + 1));
  let compared = 0;
  for (const { slot } of nodes) {
    if (requiresAll && columns.some((column) => (column.domains[slot] ?? NO_DOMAIN) === NO_DOMAIN)) continue;
    compared += 1;
    for (let index = 0; index < columns.length; index++) {
      const marks = seen[index];
      // Nodes without the label are in one domain together, as upstream counts them.
      if (marks !== undefined) marks[(columns[index]?.domains[slot] ?? NO_DOMAIN) + 1] = 1;
    }
  }
  return constraints.map(({ constraint }, index) => {
    if (constraint.topologyKey === HOSTNAME) return compared;
    let size = 0;
    for (const mark of seen[index] ?? []) size += mark;
    return size;
  });
}
