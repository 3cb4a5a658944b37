import type { Cycle } from '../framework/cycle.ts';
import type { FilterPlugin, PreFilterPlugin, Rejection } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import type { PodInfo } from '../snapshot/pod-info.ts';

const OTHER_NODE: Rejection = {
  plugin: 'NodeName',
  reasons: ["node(s) didn't match the requested node name"],
  resolvable: false,
};

/** Only the node named in `spec.nodeName`, where a pod names one. */
export class NodeName implements PreFilterPlugin, FilterPlugin {
  readonly name = 'NodeName';
  readonly reads = 'node';
  readonly hintsRead = 'template';
  readonly hints = {
    NodeChanged: (pod: PodInfo, { node }: { node: NodeInfo }) => pod.nodeName === node.name,
  };

  shapeOf(pod: PodInfo): string {
    return pod.nodeName ?? '';
  }

  preFilter(cycle: Cycle): 'skip' | undefined {
    return cycle.pod.nodeName === undefined ? 'skip' : undefined;
  }

  filter(cycle: Cycle, node: NodeInfo): Rejection | undefined {
    return cycle.pod.nodeName === node.name ? undefined : OTHER_NODE;
  }
}
