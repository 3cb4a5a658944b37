import type { Cycle } from '../framework/cycle.ts';
import type { FilterPlugin, Rejection } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';

const NOT_READY: Rejection = { plugin: 'NodeReady', reasons: ['node(s) were not ready'], resolvable: false };

/**
 * Leaves out nodes whose condition Ready is not True. Upstream relies on the taint that the node lifecycle controller
 * sets some time later; a pod bound in between would sit on a dead node.
 */
export class NodeReady implements FilterPlugin {
  readonly name = 'NodeReady';
  readonly reads = 'room';
  readonly hintsRead = 'template';
  readonly hints = { NodeChanged: (_pod: unknown, { node }: { node: NodeInfo }) => node.ready };

  filter(_cycle: Cycle, node: NodeInfo): Rejection | undefined {
    return node.ready ? undefined : NOT_READY;
  }
}
