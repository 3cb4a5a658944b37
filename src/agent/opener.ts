import { join } from 'node:path';
import { verifyCheckpoint } from '../checkpoint/index.ts';
import { type EventRecorder, isApiError, type ObjectStore } from '../kubernetes/index.ts';
import {
  adviceOf,
  FermataError,
  INCARNATION_ANNOTATION,
  isConditionTrue,
  keyOf,
  type Log,
  POD_CHECKPOINTS,
  type Pod,
  type PodCheckpoint,
  reasonOf,
} from '../model/index.ts';
import { type Archives, archiveOf } from './archives.ts';
import { folderOf } from './checkpoint-folder.ts';
import { isReady } from './checkpoint-status.ts';
import type { AgentCounters } from './counters.ts';
import type { RestoreBallot } from './restore-ballot.ts';
import type { CheckpointStorage } from './storage.ts';

/** A checkpoint as the node gets it to restore from. */
export interface OpenedCheckpoint {
  /** Absolute. */
  directory: string;
  /** Puts what the pod's `emptyDir` volumes held at the dump into the new folders (volume name → folder). */
  fillVolumes(folders: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  /** What the pod waits for once it is back; see {@link RestoreBallot.holdOf}. */
  hold?: (signal: AbortSignal) => Promise<void>;
}

export interface OpenerParts {
  store: ObjectStore;
  storage: CheckpointStorage;
  events: EventRecorder;
  log: Log;
  counters: AgentCounters;
  ballot: RestoreBallot;
  /** Absent: nothing comes from a store. */
  archives?: Archives | undefined;
}

export interface OpenerOptions {
  nodeName: string;
  directory: string;
  peers: (nodeName: string) => string | undefined;
}

/** What says that the data is not what was sealed. */
const CORRUPTION = new Set(['CheckpointCorrupt', 'CheckpointIncomplete', 'ManifestUnreadable']);

/** Finds a checkpoint's data, brings it to this node from a store or another local node, and lets nothing unverified through. */
export class Opener {
  readonly #parts: OpenerParts;
  readonly #options: OpenerOptions;

  constructor(parts: OpenerParts, options: OpenerOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /**
   * Throws FermataError `CheckpointMissing` (no such object, or its data is out of reach), `CheckpointNotReady`,
   * `CheckpointUsed` (the workload has gone on from it as another pod), or what `verifyCheckpoint` throws.
   */
  async open(pod: Pod, checkpointName: string, signal: AbortSignal): Promise<OpenedCheckpoint> {
    const checkpoint = await this.#find(pod, checkpointName, signal);
    const { storage } = this.#parts;
    const directory = await this.#bringHere(checkpoint, signal);
    try {
      await this.#verify(checkpoint, directory, signal);
    } catch (error) {
      if (!isCorruption(error)) throw error;
      // A copy can be made anew; what was made here stays as it is, until the store's copy is seen whole and takes its place.
      if (checkpoint.status?.nodeName !== this.#options.nodeName) await storage.files.remove(directory);
      if ((await this.#fetch(checkpoint, directory, signal)) !== undefined) throw error;
      await this.#verify(checkpoint, directory, signal);
    }
    const hold = this.#parts.ballot.holdOf(pod, checkpoint);
    return {
      directory,
      ...(hold !== undefined && { hold }),
      fillVolumes: async (folders, either) => {
        for (const [volume, folder] of Object.entries(folders)) {
          await storage.unpackVolume(directory, volume, folder, either);
        }
      },
    };
  }

  async #find(pod: Pod, name: string, signal: AbortSignal): Promise<PodCheckpoint> {
    const { namespace = '' } = pod.metadata;
    let checkpoint: PodCheckpoint;
    try {
      checkpoint = await this.#parts.store.get(POD_CHECKPOINTS, { namespace, name }, { signal });
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error;
      throw missing(`${namespace}/${name}`, 'there is no such PodCheckpoint', error);
    }
    if (!isReady(checkpoint)) {
      throw new FermataError('CheckpointNotReady', `checkpoint ${namespace}/${name} is not Ready`, {
        nextStep: `see its conditions: kubectl describe podcheckpoint ${name} -n ${namespace}`,
      });
    }
    const other = wentOnAs(checkpoint, pod);
    if (other !== undefined) {
      throw new FermataError(
        'CheckpointUsed',
        `the workload went on from checkpoint ${namespace}/${name} already, as ${other}`,
        {
          nextStep: 'Delete this pod: it was created late, by a controller that had lost its lease.',
        },
      );
    }
    return checkpoint;
  }

  /** Throws what `verifyCheckpoint` throws; that the data is not what was sealed is told. */
  async #verify(checkpoint: PodCheckpoint, directory: string, signal: AbortSignal): Promise<void> {
    const { storage, events, log, counters } = this.#parts;
    try {
      await verifyCheckpoint(directory, checkpoint.status?.manifestDigest, { files: storage.files, signal });
    } catch (error) {
      if (!isCorruption(error)) throw error;
      counters.corruptCheckpoints++;
      events.record(checkpoint, 'Warning', 'CheckpointCorrupt', error.message);
      log.error({ checkpoint: keyOf(checkpoint), reason: error.message }, 'a checkpoint was refused');
      throw error;
    }
  }

  async #bringHere(checkpoint: PodCheckpoint, signal: AbortSignal): Promise<string> {
    const { storage, counters } = this.#parts;
    const { nodeName, directory, peers } = this.#options;
    const key = keyOf(checkpoint);
    const location = checkpoint.status?.checkpointLocation;
    const path = location?.nodeLocal?.path ?? (location?.store === undefined ? undefined : folderOf(checkpoint));
    if (path === undefined) throw missing(key, 'its data is on no node');
    const here = inside(directory, path, checkpoint);
    const origin = checkpoint.status?.nodeName ?? '';
    if ((await storage.files.list(here)) !== undefined) return here;
    const failure = await this.#fetch(checkpoint, here, signal);
    if (failure === undefined) return here;
    if (origin === nodeName) {
      if (failure === 'no store') return here;
      throw missing(key, failure);
    }
    const peer = peers(origin);
    const why = failure === 'no store' ? '' : `; ${failure}`;
    if (peer === undefined) throw missing(key, `its data is on node ${origin}, out of reach of node ${nodeName}${why}`);
    const there = inside(peer, path, checkpoint);
    if ((await storage.files.list(there)) === undefined)
      throw missing(key, `node ${origin} does not have its data${why}`);
    await storage.ensure(directory);
    try {
      await storage.copy(there, here, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      throw missing(key, `its data could not be copied from node ${origin}: ${reasonOf(error)}${why}`, error);
    }
    counters.fetches++;
    return here;
  }

  /** From the store, when the checkpoint is in one; else, or when that fails, why not. */
  async #fetch(checkpoint: PodCheckpoint, here: string, signal: AbortSignal): Promise<string | undefined> {
    const { archives, storage, counters, events, log } = this.#parts;
    const stored = checkpoint.status?.checkpointLocation?.store;
    if (stored === undefined) return 'no store';
    if (archives === undefined)
      return `it is in ${stored.url}, and this node has no store: start its agent with --store`;
    await storage.ensure(this.#options.directory);
    try {
      const archive = await archives.open(stored.url, []);
      await archive.download({ ...archiveOf(checkpoint), digest: stored.digest, directory: here, signal });
    } catch (error) {
      if (signal.aborted) throw error;
      const reason = adviceOf(error);
      events.record(checkpoint, 'Warning', 'FetchFailed', reason);
      log.error({ checkpoint: keyOf(checkpoint), reason }, 'a checkpoint could not be fetched from the store');
      return reason;
    }
    counters.fetches++;
    return undefined;
  }
}

function isCorruption(error: unknown): error is FermataError {
  return error instanceof FermataError && CORRUPTION.has(error.code);
}

/**
 * The path comes from a status that others can write, and their rights end with their namespace: it leads to a folder of a
 * checkpoint of the same one. No namespace's name has a `_`.
 */
function inside(directory: string, path: string, checkpoint: PodCheckpoint): string {
  if (!path.startsWith(`${checkpoint.metadata.namespace}_`) || /[/\0]/.test(path)) {
    throw missing(keyOf(checkpoint), `its path ${JSON.stringify(path)} is not that of a checkpoint of its namespace`);
  }
  return join(directory, path);
}

function missing(key: string, reason: string, cause?: unknown): FermataError {
  return new FermataError('CheckpointMissing', `checkpoint ${key} cannot be opened: ${reason}`, {
    ...(cause === undefined ? {} : { cause }),
    nextStep: `see kubectl describe podcheckpoint ${key.split('/').at(-1) ?? key}`,
  });
}

/**
 * The pod that has gone on from it; undefined: none has, or this one did. A controller that lost its lease, or a network that
 * kept its request, may create the same incarnation once more, after the first has run to its end and is gone: it would do all
 * of its work twice. Who restores by hand does so on purpose.
 */
function wentOnAs({ spec, status }: PodCheckpoint, pod: Pod): string | undefined {
  const isByController = pod.metadata.annotations?.[INCARNATION_ANNOTATION] !== undefined;
  if (!isByController || spec.postCheckpointState !== 'Stopped') return undefined;
  const { podName, podUID } = status?.restoration ?? {};
  if (!isConditionTrue(status?.conditions, 'Restored') || podUID === undefined) return undefined;
  return podUID === pod.metadata.uid ? undefined : `pod ${podName} (${podUID})`;
}
