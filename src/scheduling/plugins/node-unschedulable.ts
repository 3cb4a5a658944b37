import type { Cycle } from '../framework/cycle.ts';
import type { FilterPlugin, Rejection } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { tolerates } from './tolerations.ts';

const UNSCHEDULABLE: Rejection = {
  plugin: 'NodeUnschedulable',
  reasons: ['node(s) were unschedulable'],
  resolvable: false,
};
const CORDON = { key: 'node.kubernetes.io/unschedulable', value: '', effect: 'NoSchedule' };

/** Leaves out cordoned nodes (`spec.unschedulable`), unless the pod tolerates the taint that stands for it. */
export class NodeUnschedulable implements FilterPlugin {
  readonly name = 'NodeUnschedulable';
  readonly reads = 'room';
  readonly hintsRead = 'template';
  readonly hints = { NodeChanged: (_pod: unknown, { node }: { node: NodeInfo }) => !node.unschedulable };

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    if (!node.unschedulable) return undefined;
    return cycle.pod.pod.spec.tolerations?.some((toleration) => tolerates(toleration, CORDON)) === true
      ? undefined
      : UNSCHEDULABLE;
  }
}
