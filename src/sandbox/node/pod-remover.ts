import { type EventRecorder, isApiError, type ObjectStore } from '../../kubernetes/index.ts';
import { FermataError, keyOf, type Log, PODS, type Pod } from '../../model/index.ts';
import type { PodObservation, Runtime } from '../../runtime/index.ts';
import { DEFAULT_GRACE_SECONDS } from './defaults.ts';
import type { PodRecord } from './pod-record.ts';
import type { PodVolumes } from './volumes/pod-volumes.ts';

export interface RemoverParts {
  store: ObjectStore;
  runtime: Runtime;
  log: Log;
  events: EventRecorder;
  volumes: PodVolumes;
}

/** Takes pods away: first what runs, and only when that is seen gone, the object in the API. */
export class PodRemover {
  readonly #parts: RemoverParts;
  readonly #nodeName: string;

  constructor(parts: RemoverParts, nodeName: string) {
    this.#parts = parts;
    this.#nodeName = nodeName;
  }

  /** Ends a pod that is being deleted, and confirms that to the API server. */
  async terminate(
    record: PodRecord,
    pod: Pod,
    observed: PodObservation | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, events, log, volumes } = this.#parts;
    const { uid } = record;
    for (const container of observed?.containers ?? []) {
      if (container.state === 'running')
        events.record(pod, 'Normal', 'Killing', `Stopping container ${container.name}`);
    }
    if (observed !== undefined) await this.#remove(uid, record, graceOf(pod), signal);
    try {
      const key = { namespace: pod.metadata.namespace, name: pod.metadata.name };
      await store.delete(PODS, key, { uid, gracePeriodSeconds: 0, signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound', 'Conflict')) throw error;
    }
    log.info({ node: this.#nodeName, pod: keyOf(pod), uid }, 'pod removed');
    // Last, because others wait for the object to go and nobody waits for the folders.
    await volumes.remove(uid);
  }

  /** Ends a pod whose object is gone from the API, with the grace it would have had. */
  async removeOrphan(observed: PodObservation, record: PodRecord | undefined, signal: AbortSignal): Promise<void> {
    const { log, events } = this.#parts;
    const { uid, namespace, name } = observed;
    const onlyMade = isOnlyMade(observed);
    if (!onlyMade) {
      log.warn({ node: this.#nodeName, pod: `${namespace}/${name}`, uid }, 'removing a pod that is gone from the API');
      if (record !== undefined)
        events.record(record.pod, 'Normal', 'Killing', 'Stopping a pod that was deleted by force');
    }
    const grace = onlyMade ? 0 : record === undefined ? DEFAULT_GRACE_SECONDS : graceOf(record.pod);
    await this.#remove(uid, record, grace, signal);
  }

  /**
   * Who wants a pod that this node has not bound: caches lag behind, so before anything is removed the API server itself
   * is asked. `kept`: this node, after all. `elsewhere`: it runs, for another node. `none`: nobody.
   */
  async claimOn(
    observed: PodObservation,
    nominationsCount: boolean,
    signal: AbortSignal,
  ): Promise<'none' | 'kept' | 'elsewhere'> {
    const { namespace, name, uid } = observed;
    try {
      const pod = await this.#parts.store.get(PODS, { namespace, name }, { signal });
      if (pod.metadata.uid !== uid) return 'none';
      const { nodeName } = pod.spec;
      if (nodeName === this.#nodeName) return 'kept';
      if (nodeName !== undefined && nodeName !== '') return isOnlyMade(observed) ? 'none' : 'elsewhere';
      return nominationsCount && pod.status?.nominatedNodeName === this.#nodeName ? 'kept' : 'none';
    } catch (error) {
      if (isApiError(error, 'NotFound')) return 'none';
      throw error;
    }
  }

  async #remove(uid: string, record: PodRecord | undefined, graceSeconds: number, signal: AbortSignal): Promise<void> {
    const { runtime } = this.#parts;
    if (record === undefined) {
      await runtime.removePod(uid, graceSeconds, signal);
    } else {
      // Known to whoever hears of a shorter grace meanwhile: the removal is then begun again with that.
      record.removalGraceSeconds = graceSeconds;
      try {
        await record.interruptible(signal, (either) => runtime.removePod(uid, graceSeconds, either));
      } finally {
        record.removalGraceSeconds = undefined;
      }
    }
    if ((await runtime.list(signal)).some((pod) => pod.uid === uid)) {
      throw new FermataError('PodStillPresent', `pod ${uid} is still there although the runtime removed it`);
    }
  }
}

/** Seconds between SIGTERM and SIGKILL. */
export function graceOf(pod: Pod): number {
  return pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
}

function isOnlyMade(pod: PodObservation): boolean {
  return pod.containers.every((container) => container.state === 'created');
}
