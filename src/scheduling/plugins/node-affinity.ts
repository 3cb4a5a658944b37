import type { PodSpec } from '../../model/index.ts';
import { MAX_NODE_SCORE } from '../constants.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type {
  FilterPlugin,
  OnlyNodes,
  PreFilterPlugin,
  PreScorePlugin,
  Rejection,
  ScorePlugin,
  ScoreRange,
} from '../framework/phases.ts';
import type { NodeChange, NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { matchesNodeAffinity, matchesTerm, type NodeSelectorTerm } from './node-selector-terms.ts';

type Affinity = NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>;

/** `NodeAffinityArgs`. */
export interface NodeAffinityArgs {
  /** Holds for all pods of the profile, beside their own node affinity. */
  readonly addedAffinity?: Affinity;
}

const rejects = (reason: string): Rejection => ({ plugin: 'NodeAffinity', reasons: [reason], resolvable: false });
const NO_MATCH = rejects("node(s) didn't match Pod's node affinity/selector");
const NOT_ENFORCED = rejects("node(s) didn't match scheduler-enforced node affinity");
const CONFLICT = rejects('pod affinity terms conflict');

const PREFERRED = new StateKey<Affinity['preferredDuringSchedulingIgnoredDuringExecution']>('NodeAffinity');

/** `spec.nodeSelector` and required node affinity filter; preferred terms score by their weights. */
export class NodeAffinity implements PreFilterPlugin, FilterPlugin, PreScorePlugin, ScorePlugin {
  readonly name = 'NodeAffinity';
  readonly reads = 'node';
  readonly hintsRead = 'template';
  readonly hints = {
    NodeChanged: (pod: PodInfo, { node, change }: { node: NodeInfo; change: NodeChange }) =>
      (change.added || change.labels) && this.#isEnforced(node) && matchesNodeAffinity(pod.pod.spec, node),
  };
  readonly #added: Affinity;
  readonly #addedPreferred: NonNullable<Affinity['preferredDuringSchedulingIgnoredDuringExecution']>;

  constructor({ addedAffinity = {} }: NodeAffinityArgs = {}) {
    this.#added = addedAffinity;
    this.#addedPreferred = addedAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  }

  preFilter(cycle: Cycle): Rejection | OnlyNodes | 'skip' | undefined {
    const { nodeSelector, affinity } = cycle.pod.pod.spec;
    const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    const enforced = this.#added.requiredDuringSchedulingIgnoredDuringExecution;
    if (nodeSelector === undefined && required === undefined && enforced === undefined) return 'skip';
    const names = namedNodes(required?.nodeSelectorTerms ?? []);
    if (names === undefined) return undefined;
    return names.size === 0 ? CONFLICT : { onlyNodes: [...names] };
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    if (!this.#isEnforced(node)) return NOT_ENFORCED;
    return matchesNodeAffinity(cycle.pod.pod.spec, node) ? undefined : NO_MATCH;
  }

  preScore(cycle: Cycle): 'skip' | undefined {
    const own = cycle.pod.pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const preferred = this.#addedPreferred.length === 0 ? own : [...own, ...this.#addedPreferred];
    if (preferred.length === 0) return 'skip';
    cycle.write(PREFERRED, preferred);
    return undefined;
  }

  score(cycle: Cycle, node: NodeInfo): number {
    let score = 0;
    for (const { weight, preference } of cycle.read(PREFERRED) ?? []) {
      if (weight !== 0 && matchesTerm(preference, node)) score += weight;
    }
    return score;
  }

  scale(raw: number, { highest }: ScoreRange): number {
    return highest <= 0 ? raw : Math.trunc((MAX_NODE_SCORE * raw) / highest);
  }

  #isEnforced(node: NodeInfo): boolean {
    const enforced = this.#added.requiredDuringSchedulingIgnoredDuringExecution;
    return enforced === undefined || enforced.nodeSelectorTerms.some((term) => matchesTerm(term, node));
  }
}

/**
 * The only nodes that the terms could match, where every term names some by `metadata.name`: DaemonSet pods do. Undefined:
 * any could.
 */
function namedNodes(terms: readonly NodeSelectorTerm[]): Set<string> | undefined {
  if (terms.length === 0) return undefined;
  const names = new Set<string>();
  for (const { matchFields = [] } of terms) {
    let own: string[] | undefined;
    for (const { key, operator, values = [] } of matchFields) {
      if (key !== 'metadata.name' || operator !== 'In') continue;
      own = own === undefined ? values : own.filter((name) => values.includes(name));
    }
    if (own === undefined) return undefined;
    for (const name of own) names.add(name);
  }
  return names;
}
