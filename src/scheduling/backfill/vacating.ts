import { VACATE_BY_ANNOTATION } from '../../model/index.ts';
import type { CostModel } from '../interruption/cost.ts';
import type { Permission, VictimRules } from '../interruption/victim-rules.ts';
import type { NodeInfo } from '../snapshot/node-info.ts';
import { type PodInfo, timeOf } from '../snapshot/pod-info.ts';

/** From the end of the dumps until the room is confirmed free and the pod that waits for it is bound. */
const HANDOVER_MS = 5_000;
/** A pod that would run for less than this before it has to go is not worth its dump. */
const WORTHWHILE_MS = 60_000;

export interface VacatingDependencies {
  readonly costs: CostModel;
  readonly rules: VictimRules;
}

/**
 * Pods that were let in for a time only: they run past the start of somebody else and are checkpointed before that. When has
 * the dumping to begin, and who may be let in so.
 */
export class Vacating {
  readonly #dependencies: VacatingDependencies;
  readonly #safety: number;
  /** Let in, and not seen with their mark yet: by UID, ms since the epoch. */
  readonly #unseen = new Map<string, number>();

  /** @param safety how many times the estimated dump time is allowed for */
  constructor(dependencies: VacatingDependencies, safety: number) {
    this.#dependencies = dependencies;
    this.#safety = safety;
  }

  mark(podUID: string, by: number): void {
    this.#unseen.set(podUID, by);
  }

  unmark(podUID: string): void {
    this.#unseen.delete(podUID);
  }

  /** When the pod is to be gone; undefined: it may stay. */
  deadlineOf(pod: PodInfo): number | undefined {
    return timeOf(pod.pod.metadata.annotations?.[VACATE_BY_ANNOTATION]) ?? this.#unseen.get(pod.uid);
  }

  /** How long it takes to dump all of them at once on the node, and hand their room over, ms. */
  windowOf(pods: readonly PodInfo[], node: NodeInfo, now: number): number {
    let slowest = 0;
    for (const pod of pods) {
      const permission: Permission = { checkpoint: true, terminate: false };
      const { dumpSeconds } = this.#dependencies.costs.explain(pod, node, {
        permission,
        dumps: pods.length,
        preemptor: pod,
        now,
      });
      slowest = Math.max(slowest, dumpSeconds);
    }
    return slowest * 1_000 * this.#safety + HANDOVER_MS;
  }

  /**
   * Whether the pod, started now, can do something worth it and be away at `by`, together with those that have to be away
   * by then already: policies and protection allow its checkpoint in time, and all the dumps fit in before.
   */
  canBeAwayBy(
    pod: PodInfo,
    by: number,
    { node, others, now }: { node: NodeInfo; others: readonly PodInfo[]; now: number },
  ): boolean {
    const begin = by - this.windowOf([...others, pod], node, now);
    if (begin - now < WORTHWHILE_MS) return false;
    const permission = this.permissionFor({ ...pod, running: true, startedAt: now, restoreFrom: undefined }, now);
    if (permission.checkpoint) return true;
    return permission.retryAt !== undefined && permission.retryAt <= begin && permission.dumpFailure === undefined;
  }

  permissionFor(pod: PodInfo, now: number): Permission {
    return this.#dependencies.rules.permissionFor(pod, 'CheckpointLowerPriority', now);
  }
}
