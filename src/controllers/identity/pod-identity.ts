import { type Clock, rfc3339 } from '../../clock/index.ts';
import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import {
  CLAIMED_AT_ANNOTATION,
  CLAIMED_BY_ANNOTATION,
  CONTROLLER_UID_LABEL,
  isTerminal,
  type KubeObject,
  keyOf,
  type Log,
  POD_CHECKPOINTS,
  PODS,
  type Pod,
  type PodCheckpoint,
  RESTORE_FROM_ANNOTATION,
  type ResourceType,
  WORKLOAD_LABEL,
  workloadLabelOfCheckpoint,
} from '../../model/index.ts';
import { incarnationPatch, notRestoredPatch, type PatchOptions, type PatchStep } from './pod-patch.ts';
import { type Candidate, isAwaited, type NewPod, replacementOf, sourceState } from './replacement.ts';
import { controllerOf, replacingController } from './slot.ts';

export interface PodAdmission {
  /** UID of the admission request. */
  uid: string;
  namespace: string;
  pod: NewPod;
  dryRun: boolean;
}

/** `Refused`: try again; whoever made the pod does so by itself. */
export type PodVerdict =
  | { type: 'Unchanged' }
  | { type: 'Patched'; patch: PatchStep[]; checkpoint: string; warning?: string }
  | { type: 'Refused'; reason: string };

/** What was let in is seen as a pod within this time, or was refused by somebody after this (API server's request timeout). */
const CLAIM_MILLISECONDS = 30_000;
/** Others may claim at the same moment; each loss means that one of them got on. */
const CLAIM_ATTEMPTS = 8;

/**
 * Decides about pods that are about to be created, by what the server holds at that moment: a cache may not have heard yet that
 * a workload was suspended, and letting its replacement start anew would lose its work. Which pod goes on from a checkpoint is
 * written to the checkpoint before the pod is let in, so of several replicas and several pods one wins.
 */
export class PodIdentity {
  readonly #store: ObjectStore;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #options: () => PatchOptions;

  /** @param options asked for each pod: an upgraded server may know more */
  constructor(parts: { store: ObjectStore; clock: Clock; log: Log }, options: () => PatchOptions) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#options = options;
  }

  /** Throws ApiError when the server does not answer; nothing is known then. */
  async review(admission: PodAdmission, signal?: AbortSignal): Promise<PodVerdict> {
    const { pod } = admission;
    const owner = controllerOf(pod.metadata);
    // A pod that nobody controls is created again by the interruption controller, which also knows what for.
    if (owner === undefined || pod.metadata.annotations?.[RESTORE_FROM_ANNOTATION] !== undefined) {
      return { type: 'Unchanged' };
    }
    for (let attempt = 0; attempt < CLAIM_ATTEMPTS; attempt++) {
      const replacement = replacementOf(pod, await this.#candidates(admission, owner.uid, signal));
      if (replacement.type === 'Newcomer') return { type: 'Unchanged' };
      const { checkpoint } = replacement;
      const { name } = checkpoint.metadata;
      if (replacement.type === 'NotYet') {
        const reason = `the pod takes the place of a suspended one, and ${replacement.why} (checkpoint ${name}): try again`;
        return { type: 'Refused', reason };
      }
      if (replacement.type === 'Changed') {
        const warning = `starts from its image, not from checkpoint ${name}: ${replacement.change}`;
        return {
          type: 'Patched',
          patch: notRestoredPatch(pod, checkpoint, replacement.change),
          checkpoint: name,
          warning,
        };
      }
      if (admission.dryRun || (await this.#claim(checkpoint, admission.uid, signal))) {
        return { type: 'Patched', patch: incarnationPatch(pod, checkpoint, this.#options()), checkpoint: name };
      }
    }
    return { type: 'Refused', reason: 'others claim the checkpoints of this workload at the same moment: try again' };
  }

  /** UID of that PodCheckpoint; undefined: there is none. Throws ApiError when the server does not answer. */
  async checkpointUid(namespace: string, name: string, signal?: AbortSignal): Promise<string | undefined> {
    return (await this.#found(POD_CHECKPOINTS, { namespace, name }, signal === undefined ? {} : { signal }))?.metadata
      .uid;
  }

  async #candidates({ namespace, pod }: PodAdmission, ownerUid: string, signal?: AbortSignal): Promise<Candidate[]> {
    const options = signal === undefined ? {} : { signal };
    // Label written before the controller can notice that its pod goes.
    const labelSelector = `${CONTROLLER_UID_LABEL}=${ownerUid}`;
    const { items } = await this.#store.list(POD_CHECKPOINTS, { namespace, labelSelector, ...options });
    const awaited = items.filter(isAwaited);
    const isNamed = replacingController(pod.metadata)?.kind === 'StatefulSet';
    const concerned = isNamed ? awaited.filter(({ spec }) => spec.sourcePod.name === pod.metadata.name) : awaited;
    return Promise.all(concerned.map((checkpoint) => this.#candidate(namespace, checkpoint, options)));
  }

  async #candidate(
    namespace: string,
    checkpoint: PodCheckpoint,
    options: { signal?: AbortSignal },
  ): Promise<Candidate> {
    const sourcePod = await this.#found(PODS, { namespace, name: checkpoint.spec.sourcePod.name }, options);
    const source = sourceState(checkpoint, sourcePod);
    const labelSelector = `${WORKLOAD_LABEL}=${workloadLabelOfCheckpoint(checkpoint)}`;
    const pods = (await this.#store.list(PODS, { namespace, labelSelector, ...options })).items;
    return {
      checkpoint,
      source,
      claim: this.#claimOf(checkpoint, pods),
      ...(sourcePod === undefined || source === 'Gone' ? {} : { sourcePod }),
    };
  }

  #claimOf(checkpoint: PodCheckpoint, pods: readonly Pod[]): Candidate['claim'] {
    const heirs = pods.filter(
      ({ metadata }) => metadata.annotations?.[RESTORE_FROM_ANNOTATION] === checkpoint.metadata.name,
    );
    if (heirs.some((pod) => !isTerminal(pod) && pod.metadata.deletionTimestamp === undefined)) return 'Taken';
    const claimedAt = Date.parse(checkpoint.metadata.annotations?.[CLAIMED_AT_ANNOTATION] ?? '');
    // Was seen, and is on its way out again.
    if (heirs.length > 0 || Number.isNaN(claimedAt)) return 'Free';
    return this.#clock.now() - claimedAt < CLAIM_MILLISECONDS ? 'UnderWay' : 'Free';
  }

  async #found<T extends KubeObject>(
    type: ResourceType<T>,
    key: { namespace: string; name: string },
    options: { signal?: AbortSignal },
  ): Promise<T | undefined> {
    try {
      return await this.#store.get(type, key, options);
    } catch (error) {
      if (isApiError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  async #claim(checkpoint: PodCheckpoint, requestUid: string, signal?: AbortSignal): Promise<boolean> {
    const { namespace, name, uid, resourceVersion } = checkpoint.metadata;
    const annotations = {
      [CLAIMED_BY_ANNOTATION]: requestUid,
      [CLAIMED_AT_ANNOTATION]: rfc3339(this.#clock.now()),
    };
    try {
      await this.#store.patch(
        POD_CHECKPOINTS,
        { namespace, name },
        { metadata: { uid, resourceVersion, annotations } },
        signal === undefined ? {} : { signal },
      );
      return true;
    } catch (error) {
      if (!isApiError(error, 'Conflict', 'NotFound')) throw error;
      this.#log.debug(
        { checkpoint: keyOf(checkpoint), request: requestUid },
        'a checkpoint changed while it was claimed',
      );
      return false;
    }
  }
}
