import type { Clock } from '../../clock/index.ts';
import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import {
  DECISION_ANNOTATION,
  type Draft,
  keyOf,
  POD_GROUP_CHECKPOINTS,
  POD_GROUP_LABEL,
  type PodGroupCheckpoint,
} from '../../model/index.ts';
import type { ClusterEvent, Explanation, PodRef, VictimGroupDecision } from '../../scheduling/index.ts';
import { memberName } from '../group/group-members.ts';
import { isDefinite } from './definite-refusal.ts';
import type { Order } from './unseen-orders.ts';

/** Between two tries of a write whose answer never came: it may have happened, so it must be found out. */
const UNCERTAIN_RETRY_MILLISECONDS = 100;
const MAX_NAME_LENGTH = 253;

interface StandingOrder {
  preemptor: PodRef;
  victims: readonly PodRef[];
}

/**
 * Orders to checkpoint whole groups: one PodGroupCheckpoint instead of a PodCheckpoint a victim, which its controller makes. Of a
 * group that is aborted before there are any, the engine hears from here.
 */
export class GroupOrders {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #onFailure: (event: ClusterEvent) => void;
  /** By `namespace/name` of the PodGroupCheckpoint; from before it is asked for: its end may be told of before its beginning. */
  readonly #standing = new Map<string, StandingOrder>();

  constructor(parts: { store: ObjectStore; clock: Clock }, onFailure: (event: ClusterEvent) => void) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#onFailure = onFailure;
  }

  /**
   * Gives the order, or finds that it stands already. `asking` is told of the members' PodCheckpoints before they can come to be. Throws
   * what the server refused, and nothing less certain.
   */
  async give(
    order: {
      group: VictimGroupDecision;
      preemptor: PodRef;
      explanation: Explanation;
      nodeOf: (victim: PodRef) => string;
      asking: (orders: Order[]) => void;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { group, preemptor } = order;
    for (let number = 1; ; number++) {
      const draft = groupDraft(group, preemptor, order.explanation, number);
      order.asking(
        group.members.map((victim) => ({
          key: `${group.namespace}/${memberName(draft.metadata.name ?? '', victim.uid)}`,
          nodeName: order.nodeOf(victim),
          victim,
        })),
      );
      const key = keyOf({ metadata: { namespace: group.namespace, name: draft.metadata.name ?? '' } });
      this.#standing.set(key, { preemptor, victims: group.members });
      let made: PodGroupCheckpoint;
      try {
        made = await this.#create(draft, signal);
      } catch (error) {
        this.#standing.delete(key);
        throw error;
      }
      if (made.spec.preemptor?.uid === preemptor.uid && made.status?.decision?.verdict !== 'Aborted') return;
      this.#standing.delete(key);
    }
  }

  /** To be called with every change of a group. */
  changed(group: PodGroupCheckpoint): void {
    const { metadata, spec, status } = group;
    const order = this.#standing.get(keyOf(group));
    if (order === undefined || status?.decision === undefined) return;
    if (spec.preemptor?.uid !== order.preemptor.uid) return;
    this.#standing.delete(keyOf(group));
    if (status.decision.verdict === 'Committed') return;
    const reason = `the group ${metadata.name} was not checkpointed: ${status.decision.message ?? 'no reason given'}`;
    for (const victim of order.victims) {
      this.#onFailure({
        type: 'InterruptionFailed',
        preemptorUID: order.preemptor.uid,
        victimUID: victim.uid,
        reason,
      });
    }
  }

  deleted(group: PodGroupCheckpoint): void {
    this.#standing.delete(keyOf(group));
  }

  async #create(draft: Draft<PodGroupCheckpoint>, signal: AbortSignal): Promise<PodGroupCheckpoint> {
    const { namespace, name = '' } = draft.metadata;
    for (let exists = false; ; ) {
      try {
        if (!exists) return await this.#store.create(POD_GROUP_CHECKPOINTS, draft, { signal });
        return await this.#store.get(POD_GROUP_CHECKPOINTS, { namespace, name }, { signal });
      } catch (error) {
        if (isApiError(error, 'AlreadyExists', 'NotFound') && exists !== isApiError(error, 'AlreadyExists')) {
          exists = !exists;
          continue;
        }
        if (signal.aborted || isDefinite(error)) throw error;
      }
      await this.#clock.sleep(UNCERTAIN_RETRY_MILLISECONDS, signal);
    }
  }
}

/** Its name is a function of the group, the preemptor and the try, so that an order whose answer was lost is found again. */
function groupDraft(
  group: VictimGroupDecision,
  { namespace, name, uid }: PodRef,
  explanation: Explanation,
  number: number,
): Draft<PodGroupCheckpoint> {
  const suffix = `-${uid.slice(0, 8)}-${number}`;
  return {
    metadata: {
      name: `${group.name.slice(0, MAX_NAME_LENGTH - suffix.length)}${suffix}`,
      namespace: group.namespace,
      annotations: { [DECISION_ANNOTATION]: JSON.stringify(explanation) },
    },
    spec: {
      selector: { matchLabels: { [POD_GROUP_LABEL]: group.name } },
      postCheckpointState: 'Stopped',
      reason: 'Preemption',
      preemptor: { namespace, name, uid },
      restore: 'Automatic',
      ...(group.timeoutSeconds === undefined ? {} : { timeoutSeconds: group.timeoutSeconds }),
    },
  };
}
