import { AVOID_NODES_ANNOTATION, NOT_BEFORE_ANNOTATION } from '../../model/index.ts';
import { MAX_NODE_SCORE } from '../constants.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { Gate, PreEnqueuePlugin, PreScorePlugin, ScorePlugin } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { type PodInfo, timeOf } from '../snapshot/pod-info.ts';

const AVOIDED = new StateKey<ReadonlySet<string>>('RestoreBackoff');

/**
 * After failed restores: not before the time recorded, and on a node where it failed only when no other node fits (by a
 * weight that outdoes all other scores together, as upstream's NodePreferAvoidPods did).
 */
export class RestoreBackoff implements PreEnqueuePlugin, PreScorePlugin, ScorePlugin {
  readonly name = 'RestoreBackoff';

  preEnqueue(pod: PodInfo, now: number): Gate | undefined {
    const notBefore = timeOf(pod.pod.metadata.annotations?.[NOT_BEFORE_ANNOTATION]);
    if (notBefore === undefined || notBefore <= now) return undefined;
    return { plugin: this.name, message: 'a restore failed; the next try is later', until: notBefore };
  }

  preScore(cycle: Cycle): 'skip' | undefined {
    const avoided = cycle.pod.pod.metadata.annotations?.[AVOID_NODES_ANNOTATION];
    if (avoided === undefined || avoided === '') return 'skip';
    cycle.write(AVOIDED, new Set(avoided.split(',').map((name) => name.trim())));
    return undefined;
  }

  score(cycle: Cycle, node: NodeInfo): number {
    return cycle.read(AVOIDED)?.has(node.name) === true ? 0 : MAX_NODE_SCORE;
  }
}
