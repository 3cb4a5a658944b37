import type { PodCheckpoint } from '../../model/index.ts';
import { MAX_NODE_SCORE } from '../constants.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { PreScorePlugin, ScorePlugin } from '../framework/phases.ts';
import { isDataOn } from '../interruption/data-on-node.ts';
import type { RestoreEstimate } from '../interruption/restore-estimate.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';

const CHECKPOINT = new StateKey<PodCheckpoint>('CheckpointLocality');

export interface CheckpointLocalityDependencies {
  /** Finds a PodCheckpoint by `namespace/name`. */
  checkpointOf: (key: string) => PodCheckpoint | undefined;
  restores: RestoreEstimate;
}

/**
 * Prefers nodes where the workload runs again soon: 100 points where the data is, on others the less the longer it takes to
 * fetch and restore. A small checkpoint is soon fetched and binds its workload to no node; a large one does.
 */
export class CheckpointLocality implements PreScorePlugin, ScorePlugin {
  readonly name = 'CheckpointLocality';
  readonly #checkpointOf: (key: string) => PodCheckpoint | undefined;
  readonly #restores: RestoreEstimate;

  constructor({ checkpointOf, restores }: CheckpointLocalityDependencies) {
    this.#checkpointOf = checkpointOf;
    this.#restores = restores;
  }

  preScore(cycle: Cycle): 'skip' | undefined {
    const { namespace, restoreFrom } = cycle.pod;
    if (restoreFrom === undefined) return 'skip';
    const checkpoint = this.#checkpointOf(`${namespace}/${restoreFrom}`);
    if (checkpoint?.status?.nodeName === undefined) return 'skip';
    cycle.write(CHECKPOINT, checkpoint);
    return undefined;
  }

  score(cycle: Cycle, node: NodeInfo): number {
    const checkpoint = cycle.read(CHECKPOINT);
    if (checkpoint?.status?.nodeName === undefined) return 0;
    const { nodeName } = checkpoint.status;
    if (isDataOn(node.name, checkpoint)) return MAX_NODE_SCORE;
    const there = this.#restores.secondsOn(nodeName, checkpoint);
    const here = this.#restores.secondsOn(node.name, checkpoint);
    return Math.min(MAX_NODE_SCORE - 1, Math.floor((MAX_NODE_SCORE * there) / here));
  }
}
