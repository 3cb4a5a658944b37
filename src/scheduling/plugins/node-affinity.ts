import type { Cycle } from '../framework/cycle.ts';
import { normalizeByLargest } from '../framework/normalize.ts';
import type { FilterPlugin, PreFilterPlugin, PreScorePlugin, Rejection, ScorePlugin } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { matchesNodeAffinity, matchesTerm } from './node-selector-terms.ts';

const NO_MATCH: Rejection = {
  plugin: 'NodeAffinity',
  reasons: ["node(s) didn't match Pod's node affinity/selector"],
  resolvable: false,
};

/** `spec.nodeSelector` and required node affinity filter; preferred terms score by their weights. */
export class NodeAffinity implements PreFilterPlugin, FilterPlugin, PreScorePlugin, ScorePlugin {
  readonly name = 'NodeAffinity';
  readonly hints = {
    NodeChanged: (pod: PodInfo, { node }: { node: NodeInfo }) => matchesNodeAffinity(pod.pod.spec, node),
  };

  preFilter(cycle: Cycle): 'skip' | undefined {
    const { nodeSelector, affinity } = cycle.pod.pod.spec;
    const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    return nodeSelector === undefined && required === undefined ? 'skip' : undefined;
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    return matchesNodeAffinity(cycle.pod.pod.spec, node) ? undefined : NO_MATCH;
  }

  preScore(cycle: Cycle): 'skip' | undefined {
    return preferredTerms(cycle.pod).length === 0 ? 'skip' : undefined;
  }

  score(cycle: Cycle, node: NodeInfo): number {
    let score = 0;
    for (const { weight, preference } of preferredTerms(cycle.pod)) {
      if (weight !== 0 && matchesTerm(preference, node)) score += weight;
    }
    return score;
  }

  normalize(_cycle: Cycle, scores: Float64Array): void {
    normalizeByLargest(scores, false);
  }
}

function preferredTerms(pod: PodInfo) {
  return pod.pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
}
