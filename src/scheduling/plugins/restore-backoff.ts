import { AVOID_NODES_ANNOTATION, NOT_BEFORE_ANNOTATION, RESTORE_FAILURES_ANNOTATION } from '../../model/index.ts';
import { MAX_NODE_SCORE, MAX_RESTORE_BACKOFF_MS, RESTORE_BACKOFF_MS } from '../constants.ts';
import { type Cycle, StateKey } from '../framework/cycle.ts';
import type { Gate, PreEnqueuePlugin, PreScorePlugin, ScorePlugin } from '../framework/phases.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { type PodInfo, timeOf } from '../snapshot/pod-info.ts';

const AVOIDED = new StateKey<ReadonlySet<string>>('RestoreBackoff');

/** Pods are gone, or have been tried again, long before. */
const FORGOTTEN_AFTER_MS = 24 * 3_600_000;

/**
 * After failed restores: not before the time recorded, and on a node where it failed only when no other node fits (by a
 * weight that outdoes all other scores together, as upstream's NodePreferAvoidPods did).
 *
 * The time was recorded by another machine's clock. Were it an hour behind, the pod would be tried again without any pause;
 * so it waits at least as long, since it was first seen here, as its failures ask for, and at most as long as any may.
 */
export class RestoreBackoff implements PreEnqueuePlugin, PreScorePlugin, ScorePlugin {
  readonly name = 'RestoreBackoff';
  /** By pod UID. In the order of time, the oldest first. */
  readonly #firstSeen = new Map<string, number>();

  preEnqueue(pod: PodInfo, now: number): Gate | undefined {
    const { annotations = {} } = pod.pod.metadata;
    const notBefore = timeOf(annotations[NOT_BEFORE_ANNOTATION]);
    if (notBefore === undefined) return undefined;
    const seen = this.#seen(pod.uid, now);
    const least = seen + backoffAfter(Number(annotations[RESTORE_FAILURES_ANNOTATION] ?? 0));
    const until = Math.min(Math.max(notBefore, least), seen + MAX_RESTORE_BACKOFF_MS);
    if (until <= now) return undefined;
    return { plugin: this.name, message: 'a restore failed; the next try is later', until };
  }

  #seen(uid: string, now: number): number {
    const known = this.#firstSeen.get(uid);
    if (known !== undefined) return known;
    for (const [other, at] of this.#firstSeen) {
      if (at > now - FORGOTTEN_AFTER_MS) break;
      this.#firstSeen.delete(other);
    }
    this.#firstSeen.set(uid, now);
    return now;
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

function backoffAfter(failures: number): number {
  if (!(failures > 0)) return 0;
  return Math.min(RESTORE_BACKOFF_MS * 2 ** Math.min(failures - 1, 30), MAX_RESTORE_BACKOFF_MS);
}
