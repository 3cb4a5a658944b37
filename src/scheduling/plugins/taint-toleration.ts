import type { Taint } from '../../model/index.ts';
import type { Cycle } from '../framework/cycle.ts';
import { scaledByLargest } from '../framework/normalize.ts';
import type { FilterPlugin, Rejection, ScorePlugin, ScoreRange } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';
import { tolerates, untolerated } from './tolerations.ts';

/** Leaves out nodes with a NoSchedule or NoExecute taint the pod does not tolerate; scores by PreferNoSchedule ones. */
export class TaintToleration implements FilterPlugin, ScorePlugin {
  readonly name = 'TaintToleration';
  readonly reads = 'room';
  readonly hintsRead = 'template';
  readonly hints = {
    NodeChanged: (pod: PodInfo, { node }: { node: NodeInfo }) =>
      untolerated(pod.pod.spec.tolerations ?? [], node.hardTaints) === undefined,
  };
  /** One object per taint, so that thousands of nodes with one taint share it. */
  readonly #rejections = new Map<string, Rejection>();

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    if (node.hardTaints.length === 0) return undefined;
    const taint = untolerated(cycle.pod.pod.spec.tolerations ?? [], node.hardTaints);
    return taint === undefined ? undefined : this.#rejection(taint);
  }

  /** Number of PreferNoSchedule taints not tolerated; only tolerations of that effect, or of all, count. */
  score(cycle: Cycle, node: NodeInfo): number {
    if (node.softTaints.length === 0) return 0;
    const tolerations = (cycle.pod.pod.spec.tolerations ?? []).filter(
      ({ effect }) => effect === undefined || effect === '' || effect === 'PreferNoSchedule',
    );
    return node.softTaints.filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint))).length;
  }

  scale(raw: number, { highest }: ScoreRange): number {
    return scaledByLargest(raw, highest, true);
  }

  #rejection(taint: Taint): Rejection {
    const text = `{${taint.key}: ${taint.value ?? ''}}`;
    let rejection = this.#rejections.get(text);
    if (rejection === undefined) {
      rejection = { plugin: this.name, reasons: [`node(s) had untolerated taint ${text}`], resolvable: false };
      this.#rejections.set(text, rejection);
    }
    return rejection;
  }
}
