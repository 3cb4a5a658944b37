import type { Clock, Random } from '../clock/index.ts';
import { type EventRecorder, isApiError, type ObjectStore } from '../kubernetes/index.ts';
import { isConditionTrue, keyOf, NODES, type Pod, type PodCheckpoint } from '../model/index.ts';
import { folderOf } from './checkpoint-folder.ts';
import { failed, hasFailed, isReady } from './checkpoint-status.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import { ORPHANED_MILLISECONDS, UNCLAIMED_MILLISECONDS } from './defaults.ts';
import type { Dumper } from './dumper.ts';
import { type GroupVotes, groupOf } from './group-votes.ts';
import type { Journal } from './journal.ts';
import { awaitsRelease, type Keeper, type Requeue } from './keeper.ts';
import { sourceOf } from './source-pod.ts';
import type { UnsettledPods } from './unsettled-pods.ts';

export interface CarrierParts {
  store: ObjectStore;
  clock: Clock;
  random: Random;
  journal: Journal;
  events: EventRecorder;
  writer: CheckpointWriter;
  unsettled: UnsettledPods;
  dumper: Dumper;
  keeper: Keeper;
  votes: GroupVotes;
  /** As the watch has them, by key. */
  checkpoint: (key: string) => PodCheckpoint | undefined;
  pod: (key: string) => Pod | undefined;
}

/**
 * Carries PodCheckpoints on, each as far as it can be: what the journal holds of a dump that was cut off, the release of a pod that
 * was stopped, the removal of data, and orders that nobody has taken up. One pod has one checkpoint at a time.
 */
export class Carrier {
  readonly #parts: CarrierParts;
  readonly #nodeName: string;
  /** By key: its try to take up its pod broke off, and what it wrote may stand. Until the next try nobody else has the pod. */
  readonly #tried = new Map<string, { podUid: string; checkpointUid: string }>();

  constructor(parts: CarrierParts, nodeName: string) {
    this.#parts = parts;
    this.#nodeName = nodeName;
  }

  /** One look at the PodCheckpoint of that key (`namespace/name`), at what the journal holds of it, and at its pod. */
  async advance(key: string, signal: AbortSignal): Promise<Requeue> {
    const before = this.#tried.get(key);
    this.#tried.delete(key);
    try {
      return await this.#step(key, signal);
    } catch (error) {
      // This was no second try yet.
      if (before !== undefined && !this.#tried.has(key)) this.#tried.set(key, before);
      throw error;
    } finally {
      if (before !== undefined && this.#tried.get(key)?.checkpointUid !== before.checkpointUid) this.#letGo(before);
    }
  }

  /** The pod is free for other checkpoints, unless this one's dump has begun. */
  #letGo({ podUid, checkpointUid }: { podUid: string; checkpointUid: string }): void {
    const begun = this.#parts.journal.entries().some((entry) => entry.checkpointUid === checkpointUid);
    if (!begun) this.#parts.unsettled.delete(podUid, checkpointUid);
  }

  async #step(key: string, signal: AbortSignal): Promise<Requeue> {
    const seen = this.#parts.checkpoint(key);
    const entries = this.#parts.journal.entries().filter((entry) => `${entry.namespace}/${entry.name}` === key);
    for (const entry of entries) {
      const mine = seen?.metadata.uid === entry.checkpointUid ? seen : undefined;
      const checkpoint = mine === undefined ? undefined : await this.#parts.writer.current(mine, signal);
      const pod = await sourceOf(
        this.#parts.store,
        entry.namespace,
        checkpoint?.spec.sourcePod.name,
        entry.podUid,
        signal,
      );
      await this.#parts.dumper.resume(checkpoint, entry, pod, signal);
      this.#parts.keeper.flush(entry.folder);
    }
    if (seen === undefined || entries.length > 0) return undefined;
    const { nodeName } = seen.status ?? {};
    if (nodeName !== undefined && nodeName !== this.#nodeName) return this.#inherit(seen, nodeName, signal);
    if (awaitsRelease(seen)) {
      const again = await this.#parts.keeper.release(seen, signal);
      if (again !== undefined) return again;
    }
    if (seen.metadata.deletionTimestamp !== undefined) return this.#parts.keeper.remove(seen, signal);
    if (hasFailed(seen) || isReady(seen)) return undefined;
    return this.#takeUp(seen, signal);
  }

  /** What was made on a node that is no more: whoever sees that lets go of what is left of it, which is what a store has. */
  async #inherit(seen: PodCheckpoint, nodeName: string, signal: AbortSignal): Promise<Requeue> {
    const { deletionTimestamp } = seen.metadata;
    if (deletionTimestamp === undefined) return undefined;
    // Spread, as below; a node that is only being replaced is back sooner.
    const later = { requeueAfterMilliseconds: ORPHANED_MILLISECONDS * (1 + this.#parts.random()) };
    if (this.#parts.clock.now() - Date.parse(deletionTimestamp) < ORPHANED_MILLISECONDS) return later;
    try {
      await this.#parts.store.get(NODES, { name: nodeName }, { signal });
      return later;
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
    }
    if (isConditionTrue(seen.status?.conditions, 'Stored') && !this.#parts.keeper.reachesStores) return later;
    return this.#parts.keeper.remove(seen, signal);
  }

  /** A checkpoint that nobody has carried out yet: this node's business if its pod is here. */
  async #takeUp(seen: PodCheckpoint, signal: AbortSignal): Promise<Requeue> {
    const pod = this.#parts.pod(keyOf({ metadata: { ...seen.metadata, name: seen.spec.sourcePod.name } }));
    const mine = pod !== undefined || seen.status?.nodeName === this.#nodeName;
    const age = this.#parts.clock.now() - Date.parse(seen.metadata.creationTimestamp);
    if (!mine && age < UNCLAIMED_MILLISECONDS) {
      // Spread, so that of many agents usually one finds that the pod is gone, and the others see it said.
      return { requeueAfterMilliseconds: UNCLAIMED_MILLISECONDS * (1 + this.#parts.random()) };
    }
    // The watch may lag behind: what was carried out already must not be carried out again.
    const { namespace } = seen.metadata;
    const [checkpoint, source] = await Promise.all([
      this.#parts.writer.current(seen, signal),
      sourceOf(this.#parts.store, namespace, seen.spec.sourcePod.name, undefined, signal, true),
    ]);
    if (checkpoint === undefined || isReady(checkpoint) || hasFailed(checkpoint)) return undefined;
    const { nodeName, sourcePodUID } = checkpoint.status ?? {};
    if (nodeName !== undefined && nodeName !== this.#nodeName) return undefined;
    const wanted = checkpoint.spec.sourcePod.uid ?? sourcePodUID;
    if (source === undefined || (wanted !== undefined && source.metadata.uid !== wanted)) {
      return this.#replaced(checkpoint, source, signal);
    }
    if (source.spec.nodeName !== this.#nodeName) return undefined;
    const podUid = source.metadata.uid;
    if (this.#parts.unsettled.hasOther(podUid, checkpoint.metadata.uid)) {
      await this.#parts.unsettled.settled(podUid, signal);
      return { requeueAfterMilliseconds: 0 };
    }
    const checkpointUid = checkpoint.metadata.uid;
    this.#parts.unsettled.add(podUid, checkpointUid);
    try {
      await this.#parts.dumper.begin(checkpoint, source, signal);
    } catch (error) {
      this.#tried.set(keyOf(seen), { podUid, checkpointUid });
      throw error;
    }
    this.#letGo({ podUid, checkpointUid });
    this.#parts.keeper.flush(folderOf(checkpoint));
    return undefined;
  }

  async #replaced(checkpoint: PodCheckpoint, source: Pod | undefined, signal: AbortSignal): Promise<undefined> {
    const { name } = checkpoint.spec.sourcePod;
    const message =
      source === undefined
        ? `pod ${name} is gone`
        : `pod ${name} is another one now (${source.metadata.uid}) than the one to checkpoint`;
    const group = groupOf(checkpoint);
    if (group !== undefined) await this.#parts.votes.abort(group, message, signal);
    const failure = { reason: 'SourcePodReplaced', message } as const;
    const now = this.#parts.clock.now();
    const written = await this.#parts.writer.status(
      checkpoint,
      (current) => (isReady(current) || hasFailed(current) ? (current.status ?? {}) : failed(current, failure, now)),
      signal,
    );
    if (written === undefined || !hasFailed(written)) return undefined;
    this.#parts.events.record(written, 'Warning', 'SourcePodReplaced', message);
    await this.#parts.writer.removeFinalizer(written, signal);
    return undefined;
  }
}
