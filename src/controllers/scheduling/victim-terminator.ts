import { isDeepStrictEqual } from 'node:util';
import { type Clock, rfc3339 } from '../../clock/index.ts';
import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { FermataError, keyOf, PODS, type Pod, withCondition } from '../../model/index.ts';
import type { PodRef, VictimDecision } from '../../scheduling/index.ts';

/** A victim that changes all the while is left to the next decision. */
const ATTEMPTS = 5;

/** Ends victims without a checkpoint. What is thrown away so cannot be had back, so the server itself is asked first. */
export class VictimTerminator {
  readonly #store: ObjectStore;
  readonly #clock: Clock;

  constructor(parts: { store: ObjectStore; clock: Clock }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  /** Throws FermataError `VictimChanged` when policies may hold for the pod of which the decision did not know. */
  async terminate(
    { pod: victim, labels }: Pick<VictimDecision, 'pod' | 'labels'>,
    preemptor: PodRef,
    signal: AbortSignal,
  ): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const pod = await this.#store.get(PODS, victim, { signal });
      if (pod.metadata.uid !== victim.uid || pod.metadata.deletionTimestamp !== undefined) return;
      requireUnchanged(pod, labels);
      const conditions = withCondition(
        pod.status?.conditions,
        {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'PreemptionByScheduler',
          message: `preempting to accommodate a higher priority pod: ${preemptor.namespace}/${preemptor.name}`,
        },
        rfc3339(this.#clock.now()),
      );
      const { uid, resourceVersion } = pod.metadata;
      try {
        const patch = { metadata: { uid, resourceVersion }, status: { conditions } };
        const marked = await this.#store.patch(PODS, victim, patch, { subresource: 'status', signal });
        await this.#store.delete(PODS, victim, { uid, resourceVersion: marked.metadata.resourceVersion, signal });
        return;
      } catch (error) {
        // Its node writes its status, too.
        if (!isApiError(error, 'Conflict') || attempt === ATTEMPTS) throw error;
      }
    }
  }
}

/** Policies select by labels, and a watch may be an hour behind. What it told since the decision does not make that any better. */
function requireUnchanged(pod: Pod, labels: VictimDecision['labels']): void {
  if (isDeepStrictEqual(labels ?? {}, pod.metadata.labels ?? {})) return;
  throw new FermataError('VictimChanged', `Pod ${keyOf(pod)} has other labels than were known of it`, {
    nextStep: 'Nothing: it is decided anew when the watch has told of them.',
  });
}
