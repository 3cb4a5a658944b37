import { isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { PODS, type Pod, type PodCheckpoint, RESTORE_FROM_ANNOTATION, waitsForResume } from '../../model/index.ts';
import type { ControlledWorkloads } from '../identity/controlled-workloads.ts';
import { type PodMetadata, replacingController } from '../identity/slot.ts';
import { nextIncarnation } from './incarnation.ts';

/** How soon to look again whether a name that somebody else's pod took is free. */
const NAME_TAKEN_RETRY_MILLISECONDS = 10_000;
/** How soon to look again whether a controller has made its pod; the watch usually tells before. */
const REPLACEMENT_RETRY_MILLISECONDS = 5_000;

/** `Waits`: not now, and why. `Abandoned`: nobody wants it any more. */
export type NextPod =
  | { type: 'Pod'; pod: Pod }
  | { type: 'Waits'; reason: string; message: string; againAfterMilliseconds: number }
  | { type: 'Abandoned'; message: string };

/** Whether the workload's own controller makes the pod that goes on from the checkpoint. */
export function isReplacedByController({ status }: PodCheckpoint): boolean {
  return replacingController((status?.checkpointedPodTemplate?.metadata ?? {}) as PodMetadata) !== undefined;
}

/** Finds or makes the pod that goes on from a released checkpoint. */
export class Incarnations {
  readonly #store: ObjectStore;
  readonly #controlled: ControlledWorkloads;
  readonly #knowsGates: (signal: AbortSignal) => Promise<boolean>;

  /** @param parts.knowsGates whether the server keeps scheduling gates; default: it does */
  constructor(
    parts: { store: ObjectStore; knowsGates?: (signal: AbortSignal) => Promise<boolean> },
    controlled: ControlledWorkloads,
  ) {
    this.#store = parts.store;
    this.#knowsGates = parts.knowsGates ?? (async () => true);
    this.#controlled = controlled;
  }

  /** Throws what the server refuses the pod with. */
  async of(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<NextPod> {
    if (isReplacedByController(checkpoint)) return this.#replacement(checkpoint, signal);
    const knowsGates = !waitsForResume(checkpoint) || (await this.#knowsGates(signal));
    const pod = await this.#createOrAdopt(checkpoint, nextIncarnation(checkpoint, { knowsGates }), signal);
    if (pod !== undefined) return { type: 'Pod', pod };
    return {
      type: 'Waits',
      reason: 'NameTaken',
      message: `pod ${checkpoint.spec.sourcePod.name} exists and is not this workload: the workload stays suspended until that name is free`,
      againAfterMilliseconds: NAME_TAKEN_RETRY_MILLISECONDS,
    };
  }

  async #replacement(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<NextPod> {
    const found = await this.#controlled.replacementFor(checkpoint, signal);
    if (found === undefined) {
      return {
        type: 'Waits',
        reason: 'AwaitsReplacement',
        message: 'its controller has not made the next pod yet: the workload stays suspended until it does',
        againAfterMilliseconds: REPLACEMENT_RETRY_MILLISECONDS,
      };
    }
    if ('pod' in found) return { type: 'Pod', pod: found.pod };
    return { type: 'Abandoned', message: `${found.abandoned}: its state is kept for a while, then let go` };
  }

  async #createOrAdopt(
    checkpoint: PodCheckpoint,
    draft: ReturnType<typeof nextIncarnation>,
    signal: AbortSignal,
  ): Promise<Pod | undefined> {
    try {
      return await this.#store.create(PODS, draft, { signal });
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
    // An earlier try may have created it and been cut off before that was recorded.
    const existing = await this.#store.get(
      PODS,
      { namespace: checkpoint.metadata.namespace, name: checkpoint.spec.sourcePod.name },
      { signal },
    );
    const mine =
      existing.metadata.annotations?.[RESTORE_FROM_ANNOTATION] === checkpoint.metadata.name &&
      existing.metadata.uid !== checkpoint.status?.restoration?.podUID &&
      existing.metadata.deletionTimestamp === undefined;
    return mine ? existing : undefined;
  }
}
