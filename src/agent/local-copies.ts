import { join } from 'node:path';
import {
  diskFull,
  expendableCopies,
  type LocalCopy,
  percent,
  usedShare,
  type WaterMarks,
  WIPED,
} from '../checkpoint/index.ts';
import type { Clock } from '../clock/index.ts';
import type { EventRecorder } from '../kubernetes/index.ts';
import { adviceOf, FermataError, keyOf, type Log, type Pod, type PodCheckpoint } from '../model/index.ts';
import { type Archives, archiveOf } from './archives.ts';
import { folderOf } from './checkpoint-folder.ts';
import { isReady } from './checkpoint-status.ts';
import type { CheckpointWriter } from './checkpoint-writer.ts';
import type { AgentCounters } from './counters.ts';
import { LOCAL_COPIES_MILLISECONDS, LOCAL_COPY_RETRY_MILLISECONDS, RESTORE_LIMIT_MILLISECONDS } from './defaults.ts';
import { isStored, localCopyOf } from './local-copy-view.ts';
import type { CheckpointStorage } from './storage.ts';

export interface LocalCopiesParts {
  archives: Pick<Archives, 'open'>;
  storage: CheckpointStorage;
  clock: Clock;
  log: Log;
  events: EventRecorder;
  writer: CheckpointWriter;
  counters: AgentCounters;
  /** All PodCheckpoints that are known. */
  checkpoints: () => readonly PodCheckpoint[];
  /** The pods of this node. */
  pods: () => readonly Pod[];
}

export interface LocalCopiesOptions {
  nodeName: string;
  directory: string;
  /** Plain data stays on the node no longer than until a store has it and no restore reads it. Default: it stays. */
  wipe?: boolean | undefined;
  /** Of the disk that holds the directory. Default: none. */
  waterMarks?: WaterMarks | undefined;
}

/** Codes by which it is known that the archive cannot be had, whenever it is asked for. */
const NOT_HELD = new Set(['ArchiveCorrupt', 'StoreNotAllowed', 'StoreUrlInvalid']);
/** What is being removed; a crash leaves it to the sweep of the next start. */
const REMOVING_SUFFIX = '.removing';

/**
 * Removes from the node what a store has as well: all of it where none is to lie there in the clear, else the oldest while the disk
 * is too full. Before each removal the store is asked whether it still has the archive. Restores fetch it from there.
 */
export class LocalCopies {
  readonly #parts: LocalCopiesParts;
  readonly #options: LocalCopiesOptions;
  /** By UID of the pod that is being restored: checkpoint → since when. Containers may start from different ones. */
  readonly #uses = new Map<string, Map<string, number>>();
  /** By UID: a checkpoint whose archive was not whole is left alone until then. */
  readonly #notBefore = new Map<string, number>();
  #toldFullAt = Number.NEGATIVE_INFINITY;

  constructor(parts: LocalCopiesParts, options: LocalCopiesOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** The pod is about to be restored from the checkpoint: its copy stays until {@link restored}. */
  restoring(pod: Pod, checkpointName: string): void {
    const { namespace, uid } = pod.metadata;
    const ofPod = this.#uses.get(uid) ?? new Map<string, number>();
    this.#uses.set(uid, ofPod);
    ofPod.set(`${namespace}/${checkpointName}`, this.#parts.clock.monotonic());
  }

  /** It runs, or was given up. */
  restored(pod: Pod): void {
    this.#uses.delete(pod.metadata.uid);
  }

  /** Looks again and again. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#parts.clock.sleep(LOCAL_COPIES_MILLISECONDS, signal);
      try {
        await this.look(signal);
      } catch (error) {
        if (signal.aborted) throw error;
        this.#parts.log.warn(
          { node: this.#options.nodeName, reason: adviceOf(error) },
          'local copies were not looked at',
        );
      }
    }
  }

  /** Removes what may go now. An error of the API or the store ends it before anything else is removed. */
  async look(signal: AbortSignal): Promise<void> {
    const { wipe, waterMarks } = this.#options;
    const here = await this.#here();
    if (wipe === true) {
      for (const { id } of expendableCopies(here.copies, 'wiped')) {
        await this.#remove(here.checkpoints.get(id), WIPED, signal);
      }
    } else if (waterMarks !== undefined) {
      let used = await this.#used();
      if (used > waterMarks.high) {
        for (const { id } of expendableCopies(here.copies, 'pressure')) {
          if (used <= waterMarks.low) break;
          await this.#remove(here.checkpoints.get(id), diskFull(used), signal);
          used = await this.#used();
        }
        if (used > waterMarks.low) this.#tellFull(used);
      }
    }
    await this.#tellGone(signal);
  }

  async #here(): Promise<{ copies: LocalCopy[]; checkpoints: ReadonlyMap<string, PodCheckpoint> }> {
    const folders = new Set(await this.#parts.storage.folders(this.#options.directory));
    const checkpoints = new Map(
      this.#parts
        .checkpoints()
        .filter((checkpoint) => isReady(checkpoint) && folders.has(folderOf(checkpoint)))
        .map((checkpoint) => [keyOf(checkpoint), checkpoint]),
    );
    const now = this.#parts.clock.monotonic();
    for (const [uid, at] of this.#notBefore) if (at <= now) this.#notBefore.delete(uid);
    const copies = [...checkpoints.values()].map((checkpoint) => {
      const copy = localCopyOf(checkpoint, this.#parts.pods());
      const isLeftAlone = now < (this.#notBefore.get(checkpoint.metadata.uid) ?? now);
      return { ...copy, stored: copy.stored && !isLeftAlone, inUse: this.#isInUse(checkpoint) };
    });
    return { copies, checkpoints };
  }

  #isInUse(checkpoint: PodCheckpoint): boolean {
    const { clock, pods } = this.#parts;
    const key = keyOf(checkpoint);
    const now = clock.monotonic();
    for (const [uid, ofPod] of this.#uses) {
      const since = ofPod.get(key);
      if (since !== undefined && now - since <= RESTORE_LIMIT_MILLISECONDS) return true;
      ofPod.delete(key);
      if (ofPod.size === 0) this.#uses.delete(uid);
    }
    // Of a restore that an earlier process of the agent began.
    return localCopyOf(checkpoint, pods()).inUse;
  }

  async #remove(seen: PodCheckpoint | undefined, why: string, signal: AbortSignal): Promise<void> {
    if (seen === undefined) return;
    const { storage, writer, events, counters, log } = this.#parts;
    const { nodeName, directory } = this.#options;
    const checkpoint = await writer.current(seen, signal);
    const stored = checkpoint?.status?.checkpointLocation?.store;
    if (checkpoint === undefined || stored === undefined || !isStored(checkpoint)) return;
    if (!(await this.#isHeld(checkpoint, stored, signal))) {
      this.#notBefore.set(checkpoint.metadata.uid, this.#parts.clock.monotonic() + LOCAL_COPY_RETRY_MILLISECONDS);
      const message = `The copy on node ${nodeName} stays, though ${why}: the store does not have all of the archive any more`;
      events.record(checkpoint, 'Warning', 'ArchiveLost', message);
      return;
    }
    const folder = join(directory, folderOf(checkpoint));
    await storage.files.remove(`${folder}${REMOVING_SUFFIX}`);
    const before = await storage.disk(directory);
    if (this.#isInUse(checkpoint)) return; // since a moment ago
    await storage.files.rename(folder, `${folder}${REMOVING_SUFFIX}`);
    await storage.files.remove(`${folder}${REMOVING_SUFFIX}`);
    const after = await storage.disk(directory);
    const freedBytes = Math.max(0, (after?.freeBytes ?? 0) - (before?.freeBytes ?? 0));
    counters.copiesRemoved++;
    counters.bytesFreed += freedBytes;
    const facts = { checkpoint: keyOf(checkpoint), why, freedBytes };
    events.record(checkpoint, 'Normal', 'LocalCopyRemoved', `From node ${nodeName}, for ${why}; ${stored.url} has it`);
    log.info(facts, 'a local copy was removed');
  }

  /** Throws what the store throws; an archive that is not what was stored, or out of this node's reach, is one that it does not hold. */
  async #isHeld(
    checkpoint: PodCheckpoint,
    { url, digest }: { url: string; digest: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      const archive = await this.#parts.archives.open(url, []);
      return await archive.holds({ ...archiveOf(checkpoint), digest }, signal);
    } catch (error) {
      if (error instanceof FermataError && NOT_HELD.has(error.code)) return false;
      throw error;
    }
  }

  /** The status follows what is on the disk, also after a crash in between. */
  async #tellGone(signal: AbortSignal): Promise<void> {
    const { checkpoints, storage, writer } = this.#parts;
    const { nodeName, directory } = this.#options;
    const folders = new Set(await storage.folders(directory));
    for (const checkpoint of checkpoints()) {
      const { nodeName: origin, checkpointLocation: location } = checkpoint.status ?? {};
      const isSaidHere = origin === nodeName && location?.nodeLocal !== undefined && isStored(checkpoint);
      if (isSaidHere && !folders.has(folderOf(checkpoint))) await writer.onlyStored(checkpoint, signal);
    }
  }

  async #used(): Promise<number> {
    const disk = await this.#parts.storage.disk(this.#options.directory);
    return disk === undefined ? 0 : usedShare(disk);
  }

  #tellFull(used: number): void {
    const { directory, nodeName } = this.#options;
    const now = this.#parts.clock.monotonic();
    if (now - this.#toldFullAt < LOCAL_COPY_RETRY_MILLISECONDS) return;
    this.#toldFullAt = now;
    const next = 'nothing more there is also in a store: make room, or give the agent a store';
    this.#parts.log.warn(
      { node: nodeName, directory, used: percent(used) },
      `the disk of the checkpoints is full; ${next}`,
    );
  }
}
