import { join } from 'node:path';
import type { Clock } from '../clock/index.ts';
import type { EventRecorder, ObjectStore } from '../kubernetes/index.ts';
import {
  CHECKPOINT_FINALIZER,
  isConditionTrue,
  keyOf,
  type Log,
  PODS,
  type Pod,
  type PodCheckpoint,
  reasonOf,
} from '../model/index.ts';
import type { CheckpointRuntime } from '../runtime/index.ts';
import { folderOf } from './checkpoint-folder.ts';
import { emptied, hasFailed, isReady, isStopped, released } from './checkpoint-status.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import type { AgentCounters } from './counters.ts';
import {
  FLUSH_DELAY_MILLISECONDS,
  LET_GO_MILLISECONDS,
  NEED_RETRY_MILLISECONDS,
  RELEASE_RETRY_MILLISECONDS,
} from './defaults.ts';
import type { Journal } from './journal.ts';
import { reasonToKeep } from './need.ts';
import { sourceOf } from './source-pod.ts';
import type { CheckpointStorage } from './storage.ts';
import type { Storer } from './storer.ts';

export type Requeue = { requeueAfterMilliseconds: number } | undefined;

export interface KeeperParts {
  store: ObjectStore;
  runtime: CheckpointRuntime;
  clock: Clock;
  log: Log;
  events: EventRecorder;
  journal: Journal;
  storage: CheckpointStorage;
  writer: CheckpointWriter;
  counters: AgentCounters;
  /** Who removes it from the store; absent: there is none. */
  storer?: Pick<Storer, 'remove'> | undefined;
}

/** What becomes of a checkpoint after it is `Ready`: its pod's room is confirmed free, and one day its data goes. */
export class Keeper {
  readonly #parts: KeeperParts;
  readonly #nodeName: string;
  readonly #directory: string;
  readonly #stopping = new AbortController();
  readonly #background = new Set<Promise<void>>();
  /** By UID of a checkpoint: since when nothing of its pod runs although the object is there; ms of the monotonic clock. */
  readonly #emptySince = new Map<string, number>();

  constructor(parts: KeeperParts, options: { nodeName: string; directory: string }) {
    this.#parts = parts;
    this.#nodeName = options.nodeName;
    this.#directory = options.directory;
  }

  /** Whether what lies in a store can be removed from here. */
  get reachesStores(): boolean {
    return this.#parts.storer !== undefined;
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`the agent of node ${this.#nodeName} stops`));
    await Promise.all(this.#background);
  }

  /** The preemptor may only come when the room is really free: no object, and nothing on the node. */
  async release(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<Requeue> {
    const { runtime, clock } = this.#parts;
    const uid = checkpoint.status?.sourcePodUID;
    const { namespace } = checkpoint.metadata;
    const { name } = checkpoint.spec.sourcePod;
    const source = await sourceOf(this.#parts.store, namespace, name, uid, signal, true);
    const runs = (await runtime.list(signal)).some((pod) => pod.uid === uid);
    if (source !== undefined) return this.#whileThere(checkpoint, source, runs, signal);
    if (runs) return { requeueAfterMilliseconds: RELEASE_RETRY_MILLISECONDS };
    const written = await this.#parts.writer.status(checkpoint, (current) => released(current, clock.now()), signal);
    this.#emptySince.delete(checkpoint.metadata.uid);
    if (written === undefined) return undefined;
    this.#parts.counters.released++;
    this.#parts.events.record(
      written,
      'Normal',
      'Released',
      `Pod ${name} is gone from node ${this.#nodeName}: its room is free`,
    );
    return undefined;
  }

  /** The object is still there. Twice nothing may have been seen of its pod before that is said, for then it need not stay. */
  async #whileThere(checkpoint: PodCheckpoint, source: Pod, runs: boolean, signal: AbortSignal): Promise<Requeue> {
    const { uid } = checkpoint.metadata;
    if (runs || source.metadata.deletionTimestamp === undefined) {
      this.#emptySince.delete(uid);
      return undefined;
    }
    const now = this.#parts.clock.monotonic();
    const since = this.#emptySince.get(uid) ?? now;
    this.#emptySince.set(uid, since);
    const left = since + LET_GO_MILLISECONDS - now;
    if (left > 0) return { requeueAfterMilliseconds: left };
    await this.#parts.writer.status(
      checkpoint,
      (current) => emptied(current, this.#nodeName, this.#parts.clock.now()),
      signal,
    );
    return undefined;
  }

  /**
   * The workload has gone on from it. Where the kubelet's own PodCheckpoint holds the data nobody could keep a second pod, created late,
   * from going on from it too, and the first never goes back to it: it is removed.
   */
  async spent(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<void> {
    if (!isStopped(checkpoint) || checkpoint.status?.checkpointLocation?.upstream === undefined) return;
    await this.#parts.runtime.discardDump?.(join(this.#directory, folderOf(checkpoint)));
    await this.#parts.writer.withoutData(checkpoint, signal);
  }

  /** Deletion was asked for: data first, then the finalizer, and not while a suspended workload has nothing else. */
  async remove(seen: PodCheckpoint, signal: AbortSignal): Promise<Requeue> {
    const { store } = this.#parts;
    const checkpoint = await this.#parts.writer.current(seen, signal);
    if (checkpoint === undefined || !(checkpoint.metadata.finalizers ?? []).includes(CHECKPOINT_FINALIZER)) {
      return undefined;
    }
    const { namespace } = checkpoint.metadata;
    const pods = await store.list(PODS, { signal, ...(namespace === undefined ? {} : { namespace }) });
    const reason = reasonToKeep(checkpoint, pods.items);
    if (reason !== undefined) {
      this.#parts.events.record(checkpoint, 'Warning', 'DeletionHeld', `The data is kept: ${reason}`);
      return { requeueAfterMilliseconds: NEED_RETRY_MILLISECONDS };
    }
    await this.#parts.storer?.remove(checkpoint, signal);
    const directory = join(this.#directory, folderOf(checkpoint));
    await this.#parts.runtime.discardDump?.(directory);
    await this.#parts.storage.files.remove(directory);
    await this.#parts.writer.removeFinalizer(checkpoint, signal);
    this.#emptySince.delete(checkpoint.metadata.uid);
    this.#parts.counters.removed++;
    this.#parts.log.info({ checkpoint: keyOf(checkpoint) }, 'checkpoint removed');
    return undefined;
  }

  /** Removes folders that belong to no PodCheckpoint (any more): copies of ones that were deleted, and halves. */
  async sweep(checkpoints: readonly PodCheckpoint[], signal: AbortSignal): Promise<void> {
    try {
      const inWork = new Set(this.#parts.journal.entries().map((entry) => entry.folder));
      const known = new Map(checkpoints.map((checkpoint) => [folderOf(checkpoint), checkpoint]));
      for (const folder of await this.#parts.storage.folders(this.#directory)) {
        const checkpoint = known.get(folder);
        if (inWork.has(folder) || (checkpoint !== undefined && !hasFailed(checkpoint))) continue;
        await this.#parts.runtime.discardDump?.(join(this.#directory, folder));
        await this.#parts.storage.files.remove(join(this.#directory, folder));
        this.#parts.log.info({ node: this.#nodeName, folder }, 'removed what no checkpoint needs');
      }
    } catch (error) {
      if (!signal.aborted) this.#parts.log.warn({ reason: reasonOf(error) }, 'left-over folders could not be removed');
    }
  }

  /** Against a power failure, and only when nobody waits for the disk any more. */
  flush(folder: string): void {
    const directory = join(this.#directory, folder);
    this.#inBackground(`flushing ${directory}`, async (signal) => {
      await this.#parts.clock.sleep(FLUSH_DELAY_MILLISECONDS, signal);
      if ((await this.#parts.storage.files.list(directory)) !== undefined) {
        await this.#parts.storage.files.flush(directory, signal);
      }
    });
  }

  /** Removes a copy of a checkpoint that is no more. */
  drop(folder: string): void {
    const directory = join(this.#directory, folder);
    this.#inBackground(`removing ${directory}`, () => this.#parts.storage.files.remove(directory));
  }

  #inBackground(what: string, work: (signal: AbortSignal) => Promise<void>): void {
    const { signal } = this.#stopping;
    const task = work(signal).catch((error: unknown) => {
      if (!signal.aborted) this.#parts.log.warn({ node: this.#nodeName, reason: reasonOf(error) }, `${what} failed`);
    });
    this.#background.add(task);
    void task.then(() => this.#background.delete(task));
  }
}

/** Its pod was stopped by it, and is not known to be gone. */
export function awaitsRelease(checkpoint: PodCheckpoint): boolean {
  return isStopped(checkpoint) && isReady(checkpoint) && !isConditionTrue(checkpoint.status?.conditions, 'Released');
}
