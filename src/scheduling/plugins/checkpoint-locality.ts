import type { PodCheckpoint } from '../../model/index.ts';
import { MAX_NODE_SCORE } from '../constants.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { PreScorePlugin, ScorePlugin } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';

const HOLDER = new StateKey<string>('CheckpointLocality');

/** Prefers the node that holds the data a pod is restored from: there is nothing to fetch. */
export class CheckpointLocality implements PreScorePlugin, ScorePlugin {
  readonly name = 'CheckpointLocality';
  readonly #checkpointOf: (key: string) => PodCheckpoint | undefined;

  /** @param checkpointOf finds a PodCheckpoint by `namespace/name` */
  constructor(checkpointOf: (key: string) => PodCheckpoint | undefined) {
    this.#checkpointOf = checkpointOf;
  }

  preScore(cycle: Cycle): 'skip' | undefined {
    const { namespace, restoreFrom } = cycle.pod;
    if (restoreFrom === undefined) return 'skip';
    const holder = this.#checkpointOf(`${namespace}/${restoreFrom}`)?.status?.nodeName;
    if (holder === undefined) return 'skip';
    cycle.write(HOLDER, holder);
    return undefined;
  }

  score(cycle: Cycle, node: NodeInfo): number {
    return cycle.read(HOLDER) === node.name ? MAX_NODE_SCORE : 0;
  }
}
